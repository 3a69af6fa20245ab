//! The only two ways HTML crosses this crate: what comes in from files, and what goes out to browsers.
//!
//! Called by the HTML and Markdown readers (`incoming`) and by `render` (`outgoing`).
//! Invariant: neither lets through a script, a style, an event handler, a form, a frame, or anything that
//! makes a browser load something from elsewhere.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// HTML of a file, cut down to what has a meaning in a policy text. Well-formed afterwards.
pub(crate) fn incoming(html: &str) -> String {
    static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
        let mut cleaner = Builder::empty();
        cleaner
            .tags(HashSet::from([
                "h1",
                "h2",
                "h3",
                "h4",
                "h5",
                "h6",
                "p",
                "div",
                "section",
                "article",
                "main",
                "header",
                "footer",
                "nav",
                "aside",
                "figure",
                "figcaption",
                "ul",
                "ol",
                "li",
                "dl",
                "dt",
                "dd",
                "table",
                "thead",
                "tbody",
                "tfoot",
                "tr",
                "th",
                "td",
                "caption",
                "blockquote",
                "pre",
                "code",
                "kbd",
                "samp",
                "tt",
                "strong",
                "b",
                "em",
                "i",
                "s",
                "del",
                "strike",
                "a",
                "img",
                "br",
                "hr",
                "center",
                "address",
                "details",
                "summary",
            ]))
            .clean_content_tags(HashSet::from([
                "script", "style", "title", "template", "iframe", "object", "svg", "math",
                "noscript", "select", "textarea", "audio", "video", "canvas",
            ]))
            .tag_attributes(HashMap::from([
                ("a", HashSet::from(["href"])),
                ("img", HashSet::from(["alt"])),
                ("td", HashSet::from(["colspan"])),
                ("th", HashSet::from(["colspan"])),
                ("ol", HashSet::from(["start"])),
            ]))
            .url_schemes(HashSet::from(SCHEMES))
            .url_relative(UrlRelative::Deny)
            .link_rel(None);
        cleaner
    });
    CLEANER.clean(html).to_string()
}

/// HTML that this crate rendered, once more through the sieve before it leaves.
pub(crate) fn outgoing(html: &str) -> String {
    static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
        let mut cleaner = Builder::empty();
        let anchored = [
            "h2", "h3", "h4", "h5", "h6", "p", "li", "tr", "pre", "div", "section",
        ];
        let mut attributes: HashMap<&str, HashSet<&str>> = anchored
            .into_iter()
            .map(|tag| (tag, HashSet::from(["id"])))
            .collect();
        attributes.insert("a", HashSet::from(["href"]));
        attributes.insert("th", HashSet::from(["scope", "colspan"]));
        attributes.insert("td", HashSet::from(["colspan"]));
        attributes.insert("ol", HashSet::from(["start"]));
        attributes.insert("div", HashSet::from(["id", "class", "tabindex"]));
        for tag in ["span", "section", "p", "tr", "ins", "del", "table", "td"] {
            attributes.entry(tag).or_default().insert("class");
        }
        cleaner
            .tags(HashSet::from([
                "h2",
                "h3",
                "h4",
                "h5",
                "h6",
                "p",
                "ul",
                "ol",
                "li",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "blockquote",
                "pre",
                "code",
                "strong",
                "em",
                "s",
                "a",
                "br",
                "hr",
                "sup",
                "div",
                "section",
                "span",
                "ins",
                "del",
                "caption",
            ]))
            .clean_content_tags(HashSet::from(["script", "style"]))
            .tag_attributes(attributes)
            .url_schemes(HashSet::from(SCHEMES))
            .url_relative(UrlRelative::PassThrough)
            .link_rel(Some("noopener noreferrer"));
        cleaner
    });
    CLEANER.clean(html).to_string()
}

/// Whether a link target may be kept.
pub(crate) fn is_allowed_target(href: &str) -> bool {
    let scheme = href
        .split_once(':')
        .map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme.as_str()))
        && !href.chars().any(char::is_control)
}

/// Whether a piece of HTML holds something that [`incoming`] takes out and a publisher should hear of.
pub(crate) fn is_suspicious(html: &str) -> bool {
    const SIGNS: [&str; 11] = [
        "<script",
        "<iframe",
        "<object",
        "<embed",
        "<svg",
        "<form",
        "<input",
        "javascript:",
        "onerror",
        "onload",
        "onclick",
    ];
    let lower = html.to_ascii_lowercase();
    // Word processors declare their encoding by http-equiv; only a redirection is news.
    let redirects = lower.contains("http-equiv") && lower.contains("refresh");
    redirects || SIGNS.iter().any(|sign| lower.contains(sign))
}

/// Text for element content and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
