//! Answers of the server, and a visitor: a browser without scripts that keeps cookies and submits forms.

use std::{collections::BTreeMap, sync::Mutex};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::Value;

use super::TestApp;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    /// Path and query that were asked for last, after redirects.
    pub(crate) path: String,
}

impl Answer {
    pub(crate) async fn of(response: axum::response::Response, path: &str) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            bytes,
            path: path.to_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The same answer, once it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{} answered:\n{}",
            self.path,
            self.text()
        );
        self
    }

    /// The words of a page, tags taken out and blanks collapsed.
    pub(crate) fn words(&self) -> String {
        let html = self.text();
        let mut out = String::new();
        let mut in_tag = false;
        for character in html.chars() {
            match character {
                '<' => in_tag = true,
                '>' if in_tag => {
                    in_tag = false;
                    out.push(' ');
                }
                _ if !in_tag => out.push(character),
                _ => {}
            }
        }
        let out = out
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The first form whose action ends so, with the values its inputs hold.
    pub(crate) fn form(&self, action_ends_with: &str) -> Option<Form> {
        let html = self.text();
        html.split("<form").skip(1).find_map(|piece| {
            let (opening, rest) = piece.split_once('>')?;
            let action = attribute(opening, "action").unwrap_or_default();
            if !action.split('?').next()?.ends_with(action_ends_with) {
                return None;
            }
            let (inside, _) = rest.split_once("</form>")?;
            let fields = inside
                .split("<input")
                .skip(1)
                .filter_map(|tag| {
                    let (tag, _) = tag.split_once('>')?;
                    let unchecked = matches!(
                        attribute(tag, "type").as_deref(),
                        Some("checkbox" | "radio")
                    ) && !tag.contains("checked");
                    (!unchecked).then_some(())?;
                    Some((
                        attribute(tag, "name")?,
                        attribute(tag, "value").unwrap_or_default(),
                    ))
                })
                .collect();
            Some(Form { action, fields })
        })
    }
}

/// A form of a page, filled in as it came.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Form {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = after.split_once('"')?;
    Some(
        value
            .replace("&#38;", "&")
            .replace("&amp;", "&")
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
            .replace("&#39;", "'"),
    )
}

/// Somebody with a browser.
pub(crate) struct Visitor<'a> {
    app: &'a TestApp,
    cookies: Mutex<BTreeMap<String, String>>,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            cookies: Mutex::default(),
            headers: Vec::new(),
        }
    }

    /// Sends this header with every request.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Follows redirects within this server; one that leaves it is the answer.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.follow(Method::GET, path, None).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.follow(Method::HEAD, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.follow(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn submit(&self, form: &Form) -> Answer {
        let fields: Vec<(&str, &str)> = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post(&form.action, &fields).await
    }

    /// A form with files.
    pub(crate) async fn post_multipart(&self, path: &str, multipart: Multipart) -> Answer {
        let (content_type, body) = multipart.finish();
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap();
        self.send_and_follow(request, path).await
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "yuezhi.test");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }

    async fn follow(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = self.request(method, path);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        self.send_and_follow(
            request.body(Body::from(body.unwrap_or_default())).unwrap(),
            path,
        )
        .await
    }

    async fn send_and_follow(&self, request: Request<Body>, path: &str) -> Answer {
        let method = request.method().clone();
        let mut answer = self.send(request, path).await;
        for _ in 0..5 {
            let Some(next) = answer
                .status
                .is_redirection()
                .then(|| local(answer.header("location")))
                .flatten()
            else {
                break;
            };
            let method = if method == Method::HEAD {
                Method::HEAD
            } else {
                Method::GET
            };
            answer = self
                .send(
                    self.request(method, &next).body(Body::empty()).unwrap(),
                    &next,
                )
                .await;
        }
        answer
    }

    async fn send(&self, request: Request<Body>, path: &str) -> Answer {
        let answer = self.app.call(request, path).await;
        let mut cookies = self.cookies.lock().unwrap();
        for value in answer.headers.get_all(header::SET_COOKIE) {
            let (pair, rest) = value.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The path of an address of this server.
fn local(location: &str) -> Option<String> {
    if location.starts_with('/') {
        return Some(location.to_owned());
    }
    location
        .strip_prefix(super::PUBLIC_URL)
        .map(ToOwned::to_owned)
}

/// `multipart/form-data` by hand.
#[derive(Debug, Default)]
pub(crate) struct Multipart(Vec<u8>);

const BOUNDARY: &str = "yuezhi-story-boundary";

impl Multipart {
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        self.0.extend_from_slice(part.as_bytes());
        self
    }

    pub(crate) fn file(mut self, name: &str, file_name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn finish(mut self) -> (String, Vec<u8>) {
        self.0
            .extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.0)
    }
}
