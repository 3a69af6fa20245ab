//! A neutral message as plain text and as calm HTML: one column, one button, no images.
//!
//! Caller: `compose`.
//! Invariant: every text is escaped; a visible address is exactly the address it leads to. All styles
//! are inline: mail clients drop the rest.

use std::fmt::Write as _;

use yuezhi_domain::{DeliveryKind, Language};

use crate::message::{LinkTo, Message, Para, colon, one_line};

const FONT: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',Helvetica,Arial,sans-serif";
const ACCENT: &str = "#0a6b59";
const INK: &str = "#17201c";
const QUIET: &str = "#4f5a55";
const LINE: &str = "#e1e5e2";

/// The texts of this file, in both languages.
fn button_hint(language: Language) -> &'static str {
    match language {
        Language::ZhCn => "按钮无法点击时，请复制以下地址到浏览器打开：",
        Language::En => "If the button does not work, copy this address into your browser:",
    }
}

/// The `text/plain` part. `first_url` stands in the first link.
pub(super) fn plain(message: &Message, first_url: &str) -> String {
    let mut text = one_line(&message.title, 200);
    text.push('\n');
    let mut block = |words: &str| {
        if !words.is_empty() {
            text.push('\n');
            text.push_str(words);
            text.push('\n');
        }
    };
    block(message.lead.trim());
    let colon = colon(message.language);
    let facts: Vec<String> = message
        .facts
        .iter()
        .map(|fact| format!("{}{colon}{}", fact.label, fact.value))
        .collect();
    block(&facts.join("\n"));
    let mut bullets = Vec::new();
    for para in &message.body {
        if let Para::Bullet(words) = para {
            bullets.push(format!("- {}", words.trim()));
            continue;
        }
        block(&std::mem::take(&mut bullets).join("\n"));
        match para {
            Para::Text(words) | Para::Bullet(words) => block(words.trim()),
            Para::Quote(words) => block(&format!("> {}", words.trim().replace('\n', "\n> "))),
        }
    }
    block(&bullets.join("\n"));
    for link in message.links_with(first_url) {
        block(&format!("{}\n{}", link.label, link.url));
    }
    if let Some(footer) = &message.footer {
        block(&format!("-- \n{}", footer.trim()));
    }
    text
}

/// The `text/html` part. `first_url` stands in the first link; `brand`: the sender's display name.
pub(super) fn html(message: &Message, first_url: &str, brand: &str) -> String {
    let mut html = String::with_capacity(4096);
    opening(&mut html, message, brand);
    title_and_lead(&mut html, message);
    facts(&mut html, message);
    for para in &message.body {
        paragraph(&mut html, para);
    }
    links(&mut html, message, first_url);
    closing(&mut html, message);
    html
}

fn opening(html: &mut String, message: &Message, brand: &str) {
    let _ = writeln!(
        html,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n<title>{}</title>\n</head>\n\
         <body style=\"margin:0;padding:0;background:#f6f7f6\">\n\
         <div style=\"display:none;max-height:0;overflow:hidden;opacity:0\">{}</div>\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"background:#f6f7f6\">\n\
         <tr><td align=\"center\" style=\"padding:32px 12px\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"max-width:600px;font-family:{FONT};color:{INK}\">",
        message.language,
        Escaped(&one_line(&message.title, 200)),
        Escaped(message.lead.trim()),
    );
    if !brand.is_empty() {
        let _ = writeln!(
            html,
            "<tr><td style=\"padding:0 8px 14px;font-size:14px;font-weight:600;color:{QUIET}\">{}</td></tr>",
            Escaped(brand)
        );
    }
    let _ = writeln!(
        html,
        "<tr><td style=\"background:#ffffff;border:1px solid {LINE};border-radius:8px;padding:28px\">"
    );
}

fn title_and_lead(html: &mut String, message: &Message) {
    let _ = writeln!(
        html,
        "<h1 style=\"margin:0 0 12px;font-size:22px;line-height:1.4;font-weight:600;color:{INK}\">{}</h1>",
        Escaped(&one_line(&message.title, 200))
    );
    if !message.lead.trim().is_empty() {
        let _ = writeln!(
            html,
            "<p style=\"margin:0 0 20px;font-size:16px;line-height:1.7;color:{INK}\">{}</p>",
            Escaped(message.lead.trim())
        );
    }
}

fn facts(html: &mut String, message: &Message) {
    if message.facts.is_empty() {
        return;
    }
    let _ = writeln!(
        html,
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:0 0 20px;border-top:1px solid {LINE}\">"
    );
    for fact in &message.facts {
        let _ = writeln!(
            html,
            "<tr><td style=\"padding:9px 16px 9px 0;border-bottom:1px solid {LINE};font-size:14px;line-height:1.6;color:{QUIET};white-space:nowrap;vertical-align:top\">{}</td>\
             <td width=\"100%\" style=\"padding:9px 0;border-bottom:1px solid {LINE};font-size:14px;line-height:1.6;color:{INK}\">{}</td></tr>",
            Escaped(&fact.label),
            Escaped(&fact.value)
        );
    }
    html.push_str("</table>\n");
}

fn paragraph(html: &mut String, para: &Para) {
    let _ = match para {
        Para::Text(words) => writeln!(
            html,
            "<p style=\"margin:0 0 14px;font-size:15px;line-height:1.8;color:{INK}\">{}</p>",
            Escaped(words.trim())
        ),
        Para::Bullet(words) => writeln!(
            html,
            "<p style=\"margin:0 0 10px;padding-left:18px;text-indent:-14px;font-size:15px;line-height:1.8;color:{INK}\">•&nbsp;&nbsp;{}</p>",
            Escaped(words.trim())
        ),
        Para::Quote(words) => writeln!(
            html,
            "<p style=\"margin:0 0 14px;padding:10px 14px;border-left:3px solid {LINE};background:#eff2f0;font-size:14px;line-height:1.8;color:{QUIET}\">{}</p>",
            Escaped(words.trim())
        ),
    };
}

/// The first link is the button; a digest has a row for each.
fn links(html: &mut String, message: &Message, first_url: &str) {
    let is_list = message.kind == DeliveryKind::Digest && message.links.len() > 1;
    for (index, link) in message.links_with(first_url).enumerate() {
        if index == 0 && !is_list {
            button(html, link, message.language);
            continue;
        }
        let style = "color:#0a6b59;text-decoration:none;font-weight:600";
        let anchor = Anchor {
            link,
            words: link.label,
            style,
        };
        let _ = writeln!(
            html,
            "<p style=\"margin:0 0 12px;font-size:15px;line-height:1.7\">{anchor}</p>"
        );
    }
}

fn button(html: &mut String, link: LinkTo<'_>, language: Language) {
    let style = "display:inline-block;padding:13px 30px;font-size:16px;line-height:1.3;font-weight:600;color:#ffffff;text-decoration:none;border-radius:8px";
    let _ = writeln!(
        html,
        "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:8px 0 18px\"><tr>\
         <td bgcolor=\"{ACCENT}\" style=\"border-radius:8px;background:{ACCENT}\">{}</td></tr></table>\n\
         <p style=\"margin:0 0 14px;font-size:12px;line-height:1.7;color:{QUIET}\">{}<br>{}</p>",
        Anchor {
            link,
            words: link.label,
            style
        },
        button_hint(language),
        Anchor {
            link,
            words: link.url,
            style: "color:#0a6b59;word-break:break-all"
        }
    );
}

fn closing(html: &mut String, message: &Message) {
    html.push_str("</td></tr>\n");
    if let Some(footer) = &message.footer {
        let _ = writeln!(
            html,
            "<tr><td style=\"padding:14px 8px 0;font-size:12px;line-height:1.8;color:#66716b\">{}</td></tr>",
            Escaped(footer.trim())
        );
    }
    html.push_str("</table>\n</td></tr>\n</table>\n</body>\n</html>\n");
}

/// Whether `url` may become a link.
pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// A link, or only its words where the address is not one of the web.
struct Anchor<'a> {
    link: LinkTo<'a>,
    words: &'a str,
    style: &'a str,
}

impl std::fmt::Display for Anchor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.link.url;
        if !is_web(url) {
            return write!(f, "{}", Escaped(self.words));
        }
        write!(
            f,
            "<a href=\"{}\" style=\"{}\">{}</a>",
            Escaped(url),
            self.style,
            Escaped(self.words)
        )
    }
}

/// Text for HTML content and attributes; line breaks become `<br>`.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                '\n' => f.write_str("<br>"),
                '\r' => Ok(()),
                c if c.is_control() => Ok(()),
                c => f.write_char(c),
            }?;
        }
        Ok(())
    }
}
