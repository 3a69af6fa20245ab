//! Untrusted text on its way into a page: escaping, colours, addresses.
//!
//! Used by `bubble`, `markdown` and the login page. Invariant: what [`escape`] and [`openable`] return may stand in an
//! HTML text or a double-quoted attribute.

use url::Url;

/// For text and double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\0' => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// The colour if it is `#rrggbb`, else the accent.
pub(crate) fn colour(text: &str) -> &str {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        text
    } else {
        "#1677ff"
    }
}

/// Where a tap on this address leads: http and https as they are, DingTalk's page links unwrapped, all else nowhere.
pub(crate) fn openable(address: &str) -> Option<Url> {
    let url = Url::parse(address.trim()).ok()?;
    let is_page_link = match (url.scheme(), url.host_str()) {
        ("dingtalk", Some("dingtalkclient")) | ("https", Some("applink.dingtalk.com")) => {
            url.path() == "/page/link"
        }
        _ => false,
    };
    let target = if is_page_link {
        let inner = url
            .query_pairs()
            .find(|(key, _)| key == "url")?
            .1
            .into_owned();
        Url::parse(&inner).ok()?
    } else {
        url
    };
    matches!(target.scheme(), "http" | "https").then_some(target)
}

/// The address of a picture that a browser may load: a web address, or where the sandbox keeps an uploaded file; anything
/// else gives none.
pub(crate) fn picture(address: &str) -> Option<String> {
    let address = address.trim();
    if address.starts_with('@') {
        let id: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
        return Some(format!("/sandbox/media/{id}"));
    }
    let url = Url::parse(address).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::openable;

    #[test]
    fn only_web_pages_and_wrapped_web_pages_open() {
        let opens = |address| openable(address).map(|url| url.to_string());
        assert_eq!(
            opens("https://a.example/x?y=1").as_deref(),
            Some("https://a.example/x?y=1")
        );
        let wrapped = "dingtalk://dingtalkclient/page/link?url=http%3A%2F%2F127.0.0.1%3A8790%2Fn%2F1&pc_slide=true";
        assert_eq!(opens(wrapped).as_deref(), Some("http://127.0.0.1:8790/n/1"));
        let applink =
            "https://applink.dingtalk.com/page/link?url=https%3A%2F%2Fa.example%2F&target=panel";
        assert_eq!(opens(applink).as_deref(), Some("https://a.example/"));
        for closed in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "dingtalk://dingtalkclient/page/link?url=javascript%3Aalert(1)",
            "dingtalk://dingtalkclient/action/openapp?corpid=x",
            "//a.example",
            "",
        ] {
            assert_eq!(opens(closed), None, "{closed}");
        }
    }
}
