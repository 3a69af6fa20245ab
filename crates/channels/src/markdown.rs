//! A neutral message as markdown in the subset that DingTalk documents, and as plain lines.
//!
//! Callers: every channel that shows text in DingTalk.
//! Invariant: texts of people cannot form links or headings of their own; a cut falls between characters.
//! Weakness: a text cut to a size may lose the end of an emphasis, which then shows its asterisks.

use std::borrow::Cow;
use std::fmt::Write as _;

use yuezhi_domain::Language;

use crate::message::{LinkTo, Message, Para, colon, one_line};
use crate::personal::short_hash;

/// What the conversation list shows is shorter still.
const TITLE_CHARS: usize = 100;
/// Of a button.
const LABEL_CHARS: usize = 20;

pub(crate) fn title(message: &Message) -> String {
    one_line(&message.title, TITLE_CHARS)
}

/// The words on the button of the first link.
pub(crate) fn button_label(message: &Message) -> String {
    let label = message.links.first().map_or("", |link| &link.label);
    one_line(label, LABEL_CHARS)
}

/// Title, lead, facts, body, the given links and the footer. Blocks are parted by blank lines: a single line break does
/// not break (field reports).
pub(crate) fn markdown<'a>(
    message: &Message,
    links: impl Iterator<Item = LinkTo<'a>>,
    last: Option<&str>,
) -> String {
    let mut text = format!("#### {}", inert(&title(message)));
    let mut block = |words: &str| {
        if !words.is_empty() {
            text.push_str("\n\n");
            text.push_str(words);
        }
    };
    block(&inert(&one_line(&message.lead, 500)));
    block(&facts(message));
    let mut bullets = String::new();
    for para in &message.body {
        if let Para::Bullet(words) = para {
            let _ = write!(
                bullets,
                "{}- {}",
                if bullets.is_empty() { "" } else { "\n" },
                inert(&one_line(words, 1000))
            );
            continue;
        }
        block(&std::mem::take(&mut bullets));
        match para {
            Para::Quote(words) => block(&format!(
                "> {}",
                inert(words.trim()).replace('\n', "  \n> ")
            )),
            Para::Text(words) | Para::Bullet(words) => {
                block(&inert(words.trim()).replace('\n', "  \n"));
            }
        }
    }
    block(&bullets);
    let row = |link: LinkTo<'_>| format!("- [{}]({})", inert(&one_line(link.label, 200)), link.url);
    let rows: Vec<String> = links.map(row).collect();
    block(&rows.join("\n"));
    block(&inert(message.footer.as_deref().unwrap_or_default().trim()));
    block(&inert(last.unwrap_or_default()));
    text
}

/// The links after the first, which has a button of its own.
pub(crate) fn further_links(message: &Message) -> impl Iterator<Item = LinkTo<'_>> {
    message.links.iter().skip(1).map(|link| LinkTo {
        label: &link.label,
        url: &link.url,
    })
}

/// The facts as a quote, one a line.
pub(crate) fn facts(message: &Message) -> String {
    let rows: Vec<String> = message
        .facts
        .iter()
        .map(|fact| {
            let label = inert(&one_line(&fact.label, 40));
            format!(
                "> **{label}**{}{}",
                colon(message.language),
                inert(&one_line(&fact.value, 200))
            )
        })
        .collect();
    rows.join("  \n")
}

/// Lead, facts and body as plain lines, without title and links.
pub(crate) fn plain_lines(message: &Message) -> String {
    let mut lines = vec![one_line(&message.lead, 500)];
    for fact in &message.facts {
        lines.push(format!(
            "{}{}{}",
            fact.label,
            colon(message.language),
            one_line(&fact.value, 200)
        ));
    }
    for para in &message.body {
        lines.push(match para {
            Para::Text(words) | Para::Quote(words) => words.trim().to_owned(),
            Para::Bullet(words) => format!("· {}", words.trim()),
        });
    }
    lines.push(message.footer.as_deref().unwrap_or_default().trim().into());
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// A line that differs from message to message and stays the same over the attempts at one: the platform silently
/// drops a text that the same person already got today (异步发送工作通知).
pub(crate) fn reference(key: &str, language: Language) -> String {
    let number: String = short_hash(&[key])
        .chars()
        .take(6)
        .collect::<String>()
        .to_uppercase();
    match language {
        Language::ZhCn => format!("编号 {number}"),
        Language::En => format!("Ref. {number}"),
    }
}

/// The longest beginning of `text`, ended by `…` where it had to be cut, that `fits`; between characters. `None`:
/// not even an empty text fits.
pub(crate) fn shorten(text: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if fits(text) {
        return Some(text.to_owned());
    }
    let cut = |end: usize| {
        let head = text.get(..text.floor_char_boundary(end));
        format!("{}…", head.unwrap_or_default().trim_end())
    };
    // The size grows with the cut, so halving finds the last that fits.
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(&cut(middle)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let best = cut(low);
    fits(&best).then_some(best)
}

/// `text` in at most `limit` bytes.
pub(crate) fn in_bytes(text: &str, limit: usize) -> String {
    shorten(text, |cut| cut.len() <= limit).unwrap_or_default()
}

/// Takes the meaning out of markdown in people's texts by full-width look-alikes: the platform
/// knows no escapes. Only what could form links, images, headings or quotes is touched.
pub(crate) fn inert(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            clean.push('\n');
        }
        let line = line.trim_end_matches('\r');
        let line = match line.trim_start().chars().next() {
            Some('#') => Cow::Owned(line.replacen('#', "＃", 1)),
            Some('>') => Cow::Owned(line.replacen('>', "＞", 1)),
            _ => Cow::Borrowed(line),
        };
        clean.push_str(&line.replace("](", "]（"));
    }
    clean
}
