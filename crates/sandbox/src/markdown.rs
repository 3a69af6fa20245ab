//! The Markdown that DingTalk documents, and nothing more: headings, quotes, bold, italic, links, images, lists.
//!
//! Tables, code and HTML are outside the documented subset and appear as they were typed, so a message that looks
//! right here looks right on a phone. A single line break does not break the line; two spaces before it or an empty
//! line do. `&nbsp;` and `&#160;` are spaces.
//! Invariant: the returned HTML has only the tags made here; every byte of the message is escaped.
//! Weakness: emphasis is not nested deeper than bold around italic.

use crate::text::{escape, openable, picture};

/// `inline` gets each escaped stretch of plain text, to mark mentions in it.
pub(crate) fn to_html(markdown: &str, inline: &dyn Fn(&str) -> String) -> String {
    let mut page = Page {
        html: String::new(),
        open: Block::None,
        inline,
    };
    for line in markdown.replace("\r\n", "\n").split('\n') {
        page.line(line);
    }
    page.close();
    page.html
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Paragraph,
    Quote,
    List,
    Numbered,
}

struct Page<'a> {
    html: String,
    open: Block,
    inline: &'a dyn Fn(&str) -> String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            self.close();
        } else if let Some((level, heading)) = heading(text) {
            self.close();
            let heading = format!("<h{level}>{}</h{level}>", self.spans(heading));
            self.html.push_str(&heading);
        } else if let Some(quoted) = text.strip_prefix('>') {
            self.continue_in(Block::Quote, quoted.trim(), line);
        } else if let Some(item) = list_item(text) {
            self.item(Block::List, item);
        } else if let Some(item) = numbered_item(text) {
            self.item(Block::Numbered, item);
        } else if self.open == Block::Quote {
            self.continue_in(Block::Quote, text, line);
        } else {
            self.continue_in(Block::Paragraph, text, line);
        }
    }

    fn continue_in(&mut self, block: Block, text: &str, line: &str) {
        if self.open == block {
            self.html.push('\n');
        } else {
            self.close();
            self.html.push_str(if block == Block::Quote {
                "<blockquote>"
            } else {
                "<p>"
            });
            self.open = block;
        }
        let spans = self.spans(text);
        self.html.push_str(&spans);
        if line.ends_with("  ") {
            self.html.push_str("<br>");
        }
    }

    fn item(&mut self, block: Block, text: &str) {
        if self.open != block {
            self.close();
            self.html
                .push_str(if block == Block::List { "<ul>" } else { "<ol>" });
            self.open = block;
        }
        let item = format!("<li>{}</li>", self.spans(text));
        self.html.push_str(&item);
    }

    fn close(&mut self) {
        self.html.push_str(match self.open {
            Block::None => "",
            Block::Paragraph => "</p>",
            Block::Quote => "</blockquote>",
            Block::List => "</ul>",
            Block::Numbered => "</ol>",
        });
        self.open = Block::None;
    }

    /// Emphasis, links and images of one line.
    fn spans(&self, text: &str) -> String {
        let mut html = String::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let span = match letter {
                '!' => image(rest),
                '[' => self.link(rest),
                '*' => self.emphasis(rest),
                _ => None,
            };
            if let Some((made, after)) = span {
                html.push_str(&self.plain(&plain));
                plain.clear();
                html.push_str(&made);
                rest = after;
            } else {
                plain.push(letter);
                rest = rest.strip_prefix(letter).unwrap_or_default();
            }
        }
        html.push_str(&self.plain(&plain));
        html
    }

    fn plain(&self, text: &str) -> String {
        let escaped = (self.inline)(&escape(text));
        escaped
            .replace("&amp;nbsp;", "&nbsp;")
            .replace("&amp;#160;", "&nbsp;")
    }

    fn emphasis<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        for (mark, tag) in [("**", "strong"), ("*", "em")] {
            let Some(inside) = text.strip_prefix(mark) else {
                continue;
            };
            let Some((inside, after)) = inside.split_once(mark) else {
                continue;
            };
            if !inside.is_empty() && inside.trim() == inside {
                return Some((format!("<{tag}>{}</{tag}>", self.spans(inside)), after));
            }
        }
        None
    }

    fn link<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        let (label, address, after) = bracket_pair(text)?;
        let label = self.plain(label);
        let html = match openable(address) {
            Some(url) => format!(r#"<a href="{}">{label}</a>"#, escape(url.as_str())),
            None => label,
        };
        Some((html, after))
    }
}

fn heading(text: &str) -> Option<(usize, &str)> {
    let level = text.chars().take_while(|letter| *letter == '#').count();
    let title = text.trim_start_matches('#');
    let is_heading = (1..=6).contains(&level) && title.starts_with([' ', '\u{a0}']);
    is_heading.then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

fn list_item(text: &str) -> Option<&str> {
    ["- ", "* ", "+ "]
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .map(str::trim)
}

fn numbered_item(text: &str) -> Option<&str> {
    let (number, item) = text.split_once(". ")?;
    let is_number = !number.is_empty()
        && number.len() <= 9
        && number.chars().all(|digit| digit.is_ascii_digit());
    is_number.then(|| item.trim())
}

fn image(text: &str) -> Option<(String, &str)> {
    let (alt, address, after) = bracket_pair(text.strip_prefix('!')?)?;
    let alt = escape(alt);
    let html = match picture(address) {
        Some(url) => format!(
            r#"<img class="shot" loading="lazy" alt="{alt}" src="{}">"#,
            escape(url.as_str())
        ),
        None => r#"<span class="shot none"></span>"#.to_owned(),
    };
    Some((html, after))
}

/// `[label](address)` and what follows.
fn bracket_pair(text: &str) -> Option<(&str, &str, &str)> {
    let (label, rest) = text.strip_prefix('[')?.split_once(']')?;
    let rest = rest.strip_prefix('(')?;
    let mut depth = 0_usize;
    let end = rest.char_indices().find_map(|(at, letter)| match letter {
        '(' => {
            depth += 1;
            None
        }
        ')' if depth == 0 => Some(at),
        ')' => {
            depth -= 1;
            None
        }
        _ => None,
    })?;
    let (address, after) = rest.split_at(end);
    Some((
        label,
        address.trim(),
        after.strip_prefix(')').unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn html(markdown: &str) -> String {
        super::to_html(markdown, &|escaped| escaped.to_owned())
    }

    #[test]
    fn the_documented_subset_is_rendered() {
        let rows = [
            ("#### 标题", "<h4>标题</h4>"),
            ("> 引用", "<blockquote>引用</blockquote>"),
            ("**粗** *斜*", "<p><strong>粗</strong> <em>斜</em></p>"),
            (
                "**粗 *斜* 体**",
                "<p><strong>粗 <em>斜</em> 体</strong></p>",
            ),
            (
                "[文](https://a.example/?x=1&y=(2))后",
                r#"<p><a href="https://a.example/?x=1&amp;y=(2)">文</a>后</p>"#,
            ),
            ("- 一\n- 二", "<ul><li>一</li><li>二</li></ul>"),
            ("1. 一\n2. 二", "<ol><li>一</li><li>二</li></ol>"),
            ("甲  \n乙", "<p>甲<br>\n乙</p>"),
            ("甲\n\n乙", "<p>甲</p><p>乙</p>"),
            ("甲&nbsp;乙", "<p>甲&nbsp;乙</p>"),
        ];
        for (markdown, expected) in rows {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn what_is_outside_the_subset_appears_as_typed() {
        assert_eq!(html("`code`"), "<p>`code`</p>");
        assert_eq!(html("| 甲 | 乙 |"), "<p>| 甲 | 乙 |</p>");
        assert_eq!(
            html("<script>alert(1)</script>"),
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
        );
        assert_eq!(html("[点](javascript:alert(1))"), "<p>点</p>");
        assert_eq!(
            html(r#"![x" onerror="y](javascript:1)"#),
            r#"<p><span class="shot none"></span></p>"#
        );
        assert_eq!(html("#不是标题"), "<p>#不是标题</p>");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_message_can_make_a_tag_of_its_own(markdown in r#"[\[\]()!*#>&<"'=a-z:/ \n-]{0,80}"#) {
            let html = html(&markdown);
            for tag in html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                let known = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "strong", "em", "a", "img", "span", "br"];
                prop_assert!(known.contains(&name.as_str()), "{html}");
            }
        }
    }
}
