//! Speaks to a running server over its API.
//!
//! Used by the commands that are clients. On the server's own machine it finds server and key by [`local`]. Invariant:
//! what the server refuses is told in the server's words, and a token never stands in an error.

use std::time::Duration;

use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue},
    multipart,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Failure, Global, local, local::LocalServer};
use crate::{
    api::{caller::COMMAND_LINE_AGENT, input::Page, problem::Problem},
    texts::Texts,
};

/// Longest a request may take; large files included.
const LONGEST: Duration = Duration::from_mins(3);

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    texts: Texts,
}

/// A server and the key to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    base: String,
    token: String,
}

impl Client {
    /// The server that `--url` names, or the one that runs on this machine.
    pub(super) fn find(global: &Global) -> Result<Self, Failure> {
        let texts = global.texts();
        // A folder with a configuration means its server and no other that happens to run.
        let port = match (&global.url, global.config_path()) {
            (None, Some(_)) => {
                let listen = global.load_config()?.server.listen;
                listen
                    .parse::<std::net::SocketAddr>()
                    .ok()
                    .map(|address| address.port())
            }
            _ => None,
        };
        let target = target(
            global.url.as_deref(),
            global.token.as_deref(),
            port,
            &local::running(),
            texts,
        )?;
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT_LANGUAGE,
            HeaderValue::from_static(texts.language.as_str()),
        );
        let mut builder = reqwest::Client::builder()
            .user_agent(format!("{COMMAND_LINE_AGENT}{}", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(LONGEST)
            .connect_timeout(Duration::from_secs(10));
        if is_this_machine(&target.base) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self {
            http,
            base: target.base,
            token: target.token,
            texts,
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.request(Method::GET, path).send().await)
            .await
    }

    /// Every item of a list, page after page, at most `most`.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut items: Vec<T> = Vec::new();
        let mut after = String::new();
        loop {
            let limit = (most - items.len()).clamp(1, 1000).to_string();
            let mut all = vec![("limit", limit.as_str())];
            all.extend(query.iter().filter(|(_, value)| !value.is_empty()));
            if !after.is_empty() {
                all.push(("after", &after));
            }
            let page: Page<T> = self.get(&with_query(path, &all)).await?;
            items.extend(page.items);
            match page.next {
                Some(next) if items.len() < most => after = next,
                _ => return Ok(items),
            }
        }
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, path).json(body).send().await)
            .await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.answer(self.request(Method::DELETE, path).send().await)
            .await
    }

    pub(super) async fn post_form<T: DeserializeOwned>(
        &self,
        path: &str,
        form: multipart::Form,
    ) -> Result<T, Failure> {
        self.answer(
            self.request(Method::POST, path)
                .multipart(form)
                .send()
                .await,
        )
        .await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        sent: Result<Response, reqwest::Error>,
    ) -> Result<T, Failure> {
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(self.refused(status, &bytes));
        }
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| {
            Failure::failed(
                self.texts
                    .with2("cli.answer_odd", "url", &self.base, "detail", error),
            )
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut detail = String::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            detail = error.to_string();
            cause = error.source();
        }
        if error.is_timeout() {
            self.texts
                .get("cli.no_answer_in_time")
                .clone_into(&mut detail);
        }
        Failure::failed(self.texts.with2(
            "cli.server_unreachable",
            "url",
            &self.base,
            "detail",
            detail,
        ))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => of_problem(&problem, self.texts),
            Err(_) => Failure::failed(self.texts.with2(
                "cli.answer_odd",
                "url",
                &self.base,
                "detail",
                status,
            )),
        }
    }
}

/// The server's words; wrong input is a usage error.
fn of_problem(problem: &Problem, texts: Texts) -> Failure {
    let mut message = problem.detail.clone();
    if let Some(fix) = &problem.fix {
        message = format!("{message} {fix}");
    }
    for other in problem
        .errors
        .iter()
        .filter(|error| error.message != problem.detail)
    {
        message = format!("{message}\n  {}: {}", other.field, other.message);
    }
    if let Some(number) = &problem.number {
        message = format!(
            "{message} {}",
            texts.with("cli.error_number", "number", number)
        );
    }
    Failure {
        message,
        code: if problem.status == 422 { 2 } else { 1 },
    }
}

fn target(
    url: Option<&str>,
    token: Option<&str>,
    port: Option<u16>,
    running: &[LocalServer],
    texts: Texts,
) -> Result<Target, Failure> {
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    let of_local = |server: &LocalServer| Target {
        base: server.url.trim_end_matches('/').to_owned(),
        token: token.map_or_else(|| server.key.clone(), ToOwned::to_owned),
    };
    if let Some(url) = url
        .map(|url| url.trim().trim_end_matches('/'))
        .filter(|url| !url.is_empty())
    {
        if !url::Url::parse(url)
            .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
        {
            return Err(Failure::usage(texts.with("cli.url_bad", "url", url)));
        }
        if let Some(server) = running
            .iter()
            .find(|server| server.url.trim_end_matches('/') == url)
        {
            return Ok(of_local(server));
        }
        let token =
            token.ok_or_else(|| Failure::usage(texts.with("cli.token_needed", "url", url)))?;
        return Ok(Target {
            base: url.to_owned(),
            token: token.to_owned(),
        });
    }
    if let Some(port) = port {
        let server = running
            .iter()
            .find(|server| port_of(&server.url) == Some(port));
        let not_up = || Failure::failed(texts.with("cli.server_not_up", "port", port));
        return server.map(of_local).ok_or_else(not_up);
    }
    match running {
        [server] => Ok(of_local(server)),
        [] => Err(Failure::failed(texts.get("cli.no_server"))),
        several => {
            let urls: Vec<&str> = several.iter().map(|server| server.url.as_str()).collect();
            Err(Failure::usage(texts.with(
                "cli.several_servers",
                "urls",
                urls.join(" "),
            )))
        }
    }
}

fn port_of(url: &str) -> Option<u16> {
    url::Url::parse(url).ok()?.port_or_known_default()
}

fn is_this_machine(url: &str) -> bool {
    let host = url::Url::parse(url)
        .ok()
        .and_then(|u| u.host_str().map(ToOwned::to_owned))
        .unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A path with its query, encoded.
pub(super) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let encoded = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    if encoded.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{encoded}")
    }
}

/// One part of a path, encoded.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    fn server(url: &str) -> LocalServer {
        LocalServer {
            url: url.to_owned(),
            key: format!("key of {url}"),
            pid: 1,
        }
    }

    fn find(
        url: Option<&str>,
        token: Option<&str>,
        port: Option<u16>,
        running: &[LocalServer],
    ) -> Result<Target, Failure> {
        target(url, token, port, running, Texts::of(Language::En))
    }

    #[test]
    fn the_only_server_of_this_machine_is_found_with_its_key() {
        let found = find(None, None, None, &[server("http://127.0.0.1:9999")]).unwrap();
        assert_eq!(
            (found.base.as_str(), found.token.as_str()),
            ("http://127.0.0.1:9999", "key of http://127.0.0.1:9999")
        );
    }

    #[test]
    fn of_several_servers_the_one_of_the_configuration_is_taken() {
        let running = [
            server("http://127.0.0.1:1000"),
            server("http://127.0.0.1:2000"),
        ];
        assert_eq!(
            find(None, None, Some(2000), &running).unwrap().base,
            "http://127.0.0.1:2000"
        );
        let refused = find(None, None, None, &running).unwrap_err();
        assert_eq!(refused.code, 2);
        assert!(
            refused.message.contains("http://127.0.0.1:1000")
                && refused.message.contains("http://127.0.0.1:2000")
        );
    }

    #[test]
    fn a_configuration_means_its_own_server_and_no_other() {
        let refused = find(None, None, Some(3000), &[server("http://127.0.0.1:1000")]).unwrap_err();
        assert_eq!(refused.code, 1);
        assert!(refused.message.contains("3000"));
    }

    #[test]
    fn a_server_elsewhere_needs_a_token() {
        assert_eq!(
            find(Some("https://policy.example.com/"), None, None, &[])
                .unwrap_err()
                .code,
            2
        );
        let found = find(
            Some("https://policy.example.com/"),
            Some("yuezhi_x"),
            None,
            &[],
        )
        .unwrap();
        assert_eq!(
            found,
            Target {
                base: "https://policy.example.com".to_owned(),
                token: "yuezhi_x".to_owned()
            }
        );
        assert_eq!(
            find(Some("policy"), Some("yuezhi_x"), None, &[])
                .unwrap_err()
                .code,
            2
        );
    }

    #[test]
    fn without_a_server_the_failure_says_what_to_do() {
        let failure = find(None, None, None, &[]).unwrap_err();
        assert_eq!(failure.code, 1);
        assert!(failure.message.contains("yuezhi serve"));
    }

    #[test]
    fn wrong_input_is_told_with_every_field() {
        let problem = Problem {
            kind: String::new(),
            title: String::new(),
            status: 422,
            code: "field_unknown".to_owned(),
            detail: "first".to_owned(),
            fix: Some("do this".to_owned()),
            errors: vec![
                crate::api::problem::ProblemField {
                    field: "a".to_owned(),
                    code: String::new(),
                    message: "first".to_owned(),
                },
                crate::api::problem::ProblemField {
                    field: "b".to_owned(),
                    code: String::new(),
                    message: "second".to_owned(),
                },
            ],
            number: None,
        };
        let failure = of_problem(&problem, Texts::of(Language::En));
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (2, "first do this\n  b: second")
        );
    }

    #[test]
    fn paths_and_queries_are_encoded() {
        assert_eq!(
            with_query("/p", &[("department", "总部/财务部")]),
            "/p?department=%E6%80%BB%E9%83%A8%2F%E8%B4%A2%E5%8A%A1%E9%83%A8"
        );
        assert_eq!(segment("a b/c"), "a%20b%2Fc");
    }
}
