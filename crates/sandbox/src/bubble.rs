//! Draws the inside of a bubble: the one place where messages become HTML.
//!
//! Called by `chat`; the page inserts the result as it is. Mentions in a text are highlighted; in markdown and action
//! cards the name stands there without colour although the person is told, as in the real client.
//! Invariant: all text is escaped and every `href` has passed [`openable`].

use crate::markdown;
use crate::message::{Button, Content, FeedLink, Layout, Message, OaCard};
use crate::text::{colour, escape, openable, picture};
use crate::work_notices::StatusBar;
use crate::world::World;

/// The HTML of a message for one reader (whose own mention is marked).
pub(crate) fn draw(world: &World, message: &Message, reader: &str) -> String {
    let mentions = Mentions::of(world, message, reader);
    match &message.content {
        Content::Text { text } => format!(
            r#"<div class="text">{}</div>"#,
            mentions.mark(&link_up(text), true)
        ),
        Content::Link {
            title,
            text,
            url,
            picture,
        } => draw_link(title, text, url, picture.as_deref()),
        Content::Markdown { text, .. } => {
            let html = markdown::to_html(text, &|escaped| mentions.mark(escaped, false));
            format!(r#"<div class="md">{html}</div>"#)
        }
        Content::ActionCard {
            text,
            layout,
            buttons,
            ..
        } => {
            let html = markdown::to_html(text, &|escaped| mentions.mark(escaped, false));
            draw_action_card(&html, *layout, buttons)
        }
        Content::FeedCard { links } => draw_feed(links),
        Content::Oa(card) => draw_oa(card, world.work_notices.status_of(message)),
        Content::Image { url } => match picture(url) {
            Some(url) => format!(
                r#"<img class="shot" loading="lazy" alt="" src="{}">"#,
                escape(url.as_str())
            ),
            None => r#"<span class="shot none"></span>"#.into(),
        },
        Content::File {
            name,
            file_type,
            href,
        } => {
            let (name, kind) = (escape(name), escape(&file_type.to_uppercase()));
            let inside =
                format!(r#"<span class="kind">{kind}</span><span class="name">{name}</span>"#);
            // Only the sandbox itself makes these addresses, so they are not a sender's.
            match href.as_deref().filter(|href| href.starts_with("/sandbox/")) {
                Some(href) => format!(r#"<a class="file" href="{}">{inside}</a>"#, escape(href)),
                None => format!(r#"<div class="file">{inside}</div>"#),
            }
        }
        Content::Card { out_track_id, .. } => crate::push::draw_card(world, out_track_id, reader),
        Content::System { text } => format!(r#"<div class="system">{}</div>"#, escape(text)),
        Content::Audio { duration_ms } => {
            format!(
                r#"<div class="text audio"><i></i>{}″</div>"#,
                duration_ms.div_ceil(1_000)
            )
        }
        Content::Video { duration_s } => {
            format!(
                r#"<div class="shot none video"><b></b><em>{}:{:02}</em></div>"#,
                duration_s / 60,
                duration_s % 60
            )
        }
    }
}

/// Who is mentioned, and how the text names them.
struct Mentions {
    /// What stands in the (escaped) text → the name to show, and whether it is the reader.
    names: Vec<(String, String, bool)>,
    all: bool,
}

impl Mentions {
    fn of(world: &World, message: &Message, reader: &str) -> Self {
        let people = message
            .mentions
            .iter()
            .filter_map(|userid| world.person(userid));
        let mut names: Vec<_> = people
            .flat_map(|person| {
                let (name, is_reader) = (escape(&person.name), person.userid == reader);
                [&person.mobile, &person.userid, &person.name].map(|written| {
                    (
                        format!("@{}", escape(written)),
                        format!("@{name}"),
                        is_reader,
                    )
                })
            })
            .filter(|(written, ..)| written.chars().count() > 1)
            .collect();
        // A longer id first, so that @ann1 is not taken for @ann.
        names.sort_by_key(|(written, ..)| std::cmp::Reverse(written.len()));
        Self {
            names,
            all: message.at_all,
        }
    }

    fn mark(&self, escaped: &str, highlight: bool) -> String {
        let span = |name: &str, is_reader: bool| match (highlight, is_reader) {
            (false, _) => format!(r#"<span class="at plain">{name}</span>"#),
            (true, true) => format!(r#"<span class="at me">{name}</span>"#),
            (true, false) => format!(r#"<span class="at">{name}</span>"#),
        };
        let mut html = String::new();
        let mut rest = escaped;
        while let Some((before, from)) = split_before(rest, '@') {
            html.push_str(before);
            if let Some((after, name, is_reader)) =
                self.names.iter().find_map(|(written, name, is_reader)| {
                    Some((from.strip_prefix(written.as_str())?, name, is_reader))
                })
            {
                html.push_str(&span(name, *is_reader));
                rest = after;
            } else if let Some(after) = from.strip_prefix("@所有人").filter(|_| self.all) {
                html.push_str(&span("@所有人", true));
                rest = after;
            } else {
                html.push('@');
                rest = from.strip_prefix('@').unwrap_or_default();
            }
        }
        html.push_str(rest);
        if highlight && self.all && !escaped.contains("@所有人") {
            html.push_str(r#" <span class="at me">@所有人</span>"#);
        }
        html
    }
}

fn split_before(text: &str, mark: char) -> Option<(&str, &str)> {
    text.find(mark).map(|at| text.split_at(at))
}

/// Escapes a text and makes links of the web addresses in it; its line breaks stay.
fn link_up(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("http").filter(|_| !rest.is_empty()) {
        let (before, from) = rest.split_at(at);
        html.push_str(&escape(before));
        let is_end =
            |letter: char| letter.is_whitespace() || "<>\"'，。；：！？、）》】”’".contains(letter);
        let end = from.find(is_end).unwrap_or(from.len());
        let (address, after) = from.split_at(end);
        if let Some(url) = openable(address).filter(|_| address.contains("://")) {
            // An address is no mention, even where it has someone's @name in it.
            let [target, label] =
                [url.as_str(), address].map(|text| escape(text).replace('@', "&#64;"));
            html.push_str(r#"<a href=""#);
            html.push_str(&target);
            html.push_str(r#"">"#);
            html.push_str(&label);
            html.push_str("</a>");
            rest = after;
        } else {
            html.push_str("http");
            rest = from.strip_prefix("http").unwrap_or_default();
        }
    }
    html.push_str(&escape(rest));
    html
}

fn draw_link(title: &str, text: &str, url: &str, thumbnail: Option<&str>) -> String {
    let image = thumbnail.and_then(picture).map_or_else(
        || r#"<span class="thumb none"></span>"#.to_owned(),
        |url| {
            format!(
                r#"<img class="thumb" loading="lazy" alt="" src="{}">"#,
                escape(url.as_str())
            )
        },
    );
    let (title, text) = (escape(title), escape(text));
    let inside = format!(r#"<b>{title}</b><span class="body"><span>{text}</span>{image}</span>"#);
    anchor("link", url, &inside)
}

fn draw_action_card(html: &str, layout: Layout, buttons: &[Button]) -> String {
    let class = match layout {
        Layout::Whole => "whole",
        Layout::Vertical => "vertical",
        Layout::Horizontal => "horizontal",
    };
    let buttons: String = buttons
        .iter()
        .map(|button| anchor("button", &button.url, &escape(&button.title)))
        .collect();
    format!(
        r#"<div class="card {class}"><div class="md">{html}</div><div class="buttons">{buttons}</div></div>"#
    )
}

fn draw_oa(card: &OaCard, status: Option<&StatusBar>) -> String {
    let row = |class: &str, text: &str| match text {
        "" => String::new(),
        text => format!(r#"<span class="{class}">{}</span>"#, escape(text)),
    };
    let status = status.map_or_else(String::new, |status| {
        let (colour, value) = (last_six(&status.background), escape(&status.value));
        format!(r#"<em class="status" data-tint="{colour}">{value}</em>"#)
    });
    let title = format!("<b>{}</b>", escape(&card.title));
    let form = card.form.iter().take(6).map(|(key, value)| {
        let (key, value) = (escape(key), escape(value));
        [r#"<span class="pair"><i>"#, &key, "</i>", &value, "</span>"].concat()
    });
    let rich = card
        .rich
        .as_ref()
        .map_or_else(String::new, |(number, unit)| {
            let (number, unit) = (escape(number), escape(unit));
            format!(r#"<span class="rich"><strong>{number}</strong> {unit}</span>"#)
        });
    let image = picture(&card.image).map_or_else(String::new, |source| {
        format!(r#"<img loading="lazy" alt="" src="{}">"#, escape(&source))
    });
    let inside = [
        status,
        title,
        form.collect(),
        rich,
        row("content", &card.content),
        image,
        row("files", &card.file_count),
        row("author", &card.author),
    ];
    let (colour, card) = (
        last_six(&card.head_colour),
        anchor("oa", &card.url, &inside.concat()),
    );
    format!(r#"<div class="oa-card" data-edge="{colour}">{card}</div>"#)
}

/// `#rrggbb` of a colour that comes with its opacity in front.
fn last_six(colour_text: &str) -> String {
    let skipped = colour_text.chars().count().saturating_sub(6);
    let digits: String = colour_text.chars().skip(skipped).collect();
    colour(&format!("#{digits}")).to_owned()
}

fn draw_feed(links: &[FeedLink]) -> String {
    let rows = links.iter().enumerate().map(|(at, link)| {
        let image = picture(&link.picture).map_or_else(
            || r#"<span class="pic none"></span>"#.to_owned(),
            |url| {
                format!(
                    r#"<img class="pic" loading="lazy" alt="" src="{}">"#,
                    escape(url.as_str())
                )
            },
        );
        let inside = format!("<span>{}</span>{image}", escape(&link.title));
        anchor(if at == 0 { "lead" } else { "row" }, &link.url, &inside)
    });
    format!(r#"<div class="feed">{}</div>"#, rows.collect::<String>())
}

/// A link, or the same without an address where a tap must lead nowhere.
fn anchor(class: &str, url: &str, inside: &str) -> String {
    match openable(url) {
        Some(url) => format!(
            r#"<a class="{class}" href="{}">{inside}</a>"#,
            escape(url.as_str())
        ),
        None => format!(r#"<span class="{class} dead">{inside}</span>"#),
    }
}
