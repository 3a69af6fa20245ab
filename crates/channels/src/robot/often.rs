//! The messages that go out again and again with nothing but another key, encoded once.
//!
//! Caller: the robot channel, for every post. Invariant: a template serves one message (the same allocation, kept
//! alive here) without mentions and without a personal address; everything else is rendered each time.
//! Weakness: a message that is sent only once is encoded no faster.

use std::sync::{Arc, Mutex, PoisonError};

use dingtalk::{Robot, Template};

use super::render;
use crate::message::{Message, Post};

/// Messages sent at the same time: one per notice and language.
const KEPT: usize = 4;

#[derive(Default)]
pub(super) struct Often {
    /// The most recently made last.
    templates: Mutex<Vec<(Arc<Message>, Arc<Template>)>>,
}

impl Often {
    /// The body of this post; `None` if it has to be rendered for itself (also to say what is wrong with it).
    pub(super) fn body(&self, robot: &Robot, post: &Post) -> Option<Vec<u8>> {
        let is_shared =
            post.personal_url.is_none() && !post.mentions.all && post.mentions.people.is_empty();
        if !is_shared {
            return None;
        }
        let known = self.find(&post.message);
        let template = match known {
            Some(template) => template,
            None => self.make(robot, post)?,
        };
        template.body(&post.key)
    }

    fn find(&self, message: &Arc<Message>) -> Option<Arc<Template>> {
        self.templates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .find(|(known, _)| Arc::ptr_eq(known, message))
            .map(|(_, template)| Arc::clone(template))
    }

    fn make(&self, robot: &Robot, post: &Post) -> Option<Arc<Template>> {
        let rendered = render::render(post);
        let template = Arc::new(robot.template(&rendered.message, &rendered.at).ok()?);
        let mut templates = self
            .templates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if templates.len() == KEPT {
            templates.remove(0);
        }
        templates.push((Arc::clone(&post.message), Arc::clone(&template)));
        Some(template)
    }
}
