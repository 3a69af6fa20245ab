//! The audience of a notice (适用范围): a rule that people can read and write, in English and Chinese.
//!
//! `everyone, -department:总部/财务部, -person:1024`; parsed from the console, the CLI, the API and front matter,
//! resolved against the directory by publishing and dry run, and resolved again whenever people move.
//! Invariant: what is shown reads back as the same rule; an exclusion always overrides an inclusion.
//! Weakness: a bare word means a department or a person; only the caller's directory can tell which.

mod parse;
mod resolve;
mod tree;

use std::fmt;

use crate::language::Language;
use crate::words::serde_as_text;

pub use parse::{AudienceSyntaxError, Expected};
pub use resolve::{AudienceError, Candidate, Directory, Resolved};
pub use tree::{DepartmentTree, TreeError};

/// Whom a notice concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Audience {
    /// Never empty in a parsed audience: exclusions alone mean everyone but those.
    pub include: Vec<Term>,
    pub exclude: Vec<Term>,
}

/// One part of an audience. References are what a person wrote: a number, a name, a path with `/`, a mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    Everyone,
    Department {
        reference: String,
        /// With everything below it, the usual meaning.
        with_sub: bool,
    },
    Person(String),
    /// A bare word: a department (with everything below it) or a person.
    Named(String),
}

impl Audience {
    pub fn everyone() -> Self {
        Self {
            include: vec![Term::Everyone],
            exclude: Vec::new(),
        }
    }

    /// The rule in a language; it reads back as the same rule.
    pub fn show(&self, language: Language) -> String {
        let include = self.include.iter().map(|term| term.show(language));
        let exclude = self
            .exclude
            .iter()
            .map(|term| format!("-{}", term.show(language)));
        let parts: Vec<_> = include.chain(exclude).collect();
        parts.join(match language {
            Language::ZhCn => "，",
            Language::En => ", ",
        })
    }
}

impl Term {
    fn show(&self, language: Language) -> String {
        let zh = language == Language::ZhCn;
        match self {
            Self::Everyone => if zh { "全员" } else { "everyone" }.to_owned(),
            Self::Department {
                reference,
                with_sub: true,
            } => {
                let word = if zh { "部门：" } else { "department:" };
                format!("{word}{}", parse::quoted(reference))
            }
            Self::Department { reference, .. } => {
                let word = if zh {
                    "仅部门："
                } else {
                    "department-only:"
                };
                format!("{word}{}", parse::quoted(reference))
            }
            Self::Person(reference) => {
                let word = if zh { "人员：" } else { "person:" };
                format!("{word}{}", parse::quoted(reference))
            }
            Self::Named(reference) => parse::quoted_bare(reference),
        }
    }
}

/// The English form, the one in the database and in JSON.
impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Language::En))
    }
}

serde_as_text!(Audience);
