//! The login page of login.dingtalk.com: 「以 张伟 的身份登录」, and back to the application with a code.
//!
//! The persona is the one chosen in the chat client (its cookie) and can be changed on the page.
//! The code is good once, within five minutes, and comes as `code` and as `authCode`.
//! Invariant: GET gives nothing away; only the button's POST makes a code.
//! Weakness: any http or https address is taken for a registered redirect URL.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use url::Url;

use crate::auth_codes::outsider;
use crate::chat::{persona_cookie, persona_of, speaks_english};
use crate::shared::Shared;
use crate::text::escape;
use crate::world::{LoginCode, World};

const CODE_LIFE_MS: i64 = 5 * 60_000;
/// More people than this are chosen in the chat client, which can search.
const PEOPLE_SHOWN: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Request {
    redirect_uri: String,
    response_type: String,
    client_id: String,
    scope: String,
    state: Option<String>,
    prompt: String,
    /// Only from the page's own form: who logs in.
    userid: String,
    /// Only from the page's own form: the refusing button.
    refuse: bool,
}

/// `GET /oauth2/auth`
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(request): Query<Request>,
) -> Response {
    let english = speaks_english(&headers);
    match check(&shared, &request) {
        Ok((app, target)) => {
            Html(render(&shared, &headers, &request, &app, &target, english)).into_response()
        }
        Err(problem) => (
            StatusCode::BAD_REQUEST,
            Html(render_problem(&problem, english)),
        )
            .into_response(),
    }
}

/// The page's button: `POST /oauth2/auth/consent`.
pub(super) async fn consent(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(request): Form<Request>,
) -> Response {
    let english = speaks_english(&headers);
    let target = match check(&shared, &request) {
        Ok((_, target)) => target,
        Err(problem) => {
            return (
                StatusCode::BAD_REQUEST,
                Html(render_problem(&problem, english)),
            )
                .into_response();
        }
    };
    let mut target = target;
    let mut world = shared.world();
    if request.refuse {
        target
            .query_pairs_mut()
            .append_pair("error", "access_denied");
    } else if may_log_in(&world, &request.userid) {
        let code = shared.ids().code();
        let expires_ms = shared.clock.now_ms() + CODE_LIFE_MS;
        let known = LoginCode {
            userid: request.userid.clone(),
            client_id: request.client_id.clone(),
            expires_ms,
        };
        world
            .codes
            .retain(|_, code| code.expires_ms > expires_ms - CODE_LIFE_MS);
        world.codes.insert(code.clone(), known);
        target
            .query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("authCode", &code);
    } else {
        let problem = Problem {
            zh: "没有这位成员",
            en: "There is no such person",
        };
        return (
            StatusCode::BAD_REQUEST,
            Html(render_problem(&problem, english)),
        )
            .into_response();
    }
    if let Some(state) = &request.state {
        target.query_pairs_mut().append_pair("state", state);
    }
    let is_persona = !request.refuse && world.person(&request.userid).is_some();
    (
        persona_cookie(&request.userid, is_persona),
        Redirect::to(target.as_str()),
    )
        .into_response()
}

/// Somebody of the organisation, or the outsider where the rules let outsiders.
fn may_log_in(world: &World, userid: &str) -> bool {
    world.person(userid).is_some() || (world.rules.login.outsiders && outsider().userid == userid)
}

struct Problem {
    zh: &'static str,
    en: &'static str,
}

fn check(shared: &Shared, request: &Request) -> Result<(String, Url), Problem> {
    let target = Url::parse(&request.redirect_uri)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    let target = target.ok_or(Problem {
        zh: "redirect_uri 缺失或不是 http(s) 地址（需要 URL 编码）",
        en: "redirect_uri is missing or no http(s) address (it must be URL-encoded)",
    })?;
    let world = shared.world();
    let app = world.app(&request.client_id).ok_or(Problem {
        zh: "client_id 不存在，请检查应用的 Client ID",
        en: "Unknown client_id: check the app's Client ID",
    })?;
    let rules = [
        (
            request.response_type == "code",
            "response_type 必须为 code",
            "response_type must be code",
        ),
        (
            request
                .scope
                .split_whitespace()
                .any(|scope| scope == "openid"),
            "scope 必须包含 openid",
            "scope must contain openid",
        ),
        (
            request.prompt == "consent",
            "缺少 prompt=consent",
            "prompt=consent is missing",
        ),
    ];
    match rules.into_iter().find(|(holds, ..)| !holds) {
        Some((_, zh, en)) => Err(Problem { zh, en }),
        None => Ok((app.name.clone(), target)),
    }
}

fn render(
    shared: &Shared,
    headers: &HeaderMap,
    request: &Request,
    app: &str,
    target: &Url,
    english: bool,
) -> String {
    let world = shared.world();
    let Some(person) = persona_of(&world, headers) else {
        return render_problem(
            &Problem {
                zh: "组织里还没有成员",
                en: "The organisation has no people",
            },
            english,
        );
    };
    let say = |zh: &str, en: &str| {
        if english {
            en.to_owned()
        } else {
            zh.to_owned()
        }
    };
    let others = world
        .organisation
        .people
        .iter()
        .filter(|other| other.userid != person.userid);
    let stranger = outsider();
    let strangers = std::iter::once(&stranger).filter(|_| world.rules.login.outsiders);
    let options = std::iter::once(person)
        .chain(others.take(PEOPLE_SHOWN))
        .chain(strangers)
        .map(|other| {
            let selected = if other.userid == person.userid {
                " selected"
            } else {
                ""
            };
            let (userid, name, title) = (
                escape(&other.userid),
                escape(&other.name),
                escape(&other.title),
            );
            format!(
                r#"<option value="{userid}"{selected} data-name="{name}">{name} · {title}</option>"#
            )
        });
    let hidden = [
        ("redirect_uri", request.redirect_uri.as_str()),
        ("response_type", &request.response_type),
        ("client_id", &request.client_id),
        ("scope", &request.scope),
        ("prompt", &request.prompt),
    ];
    let hidden = hidden
        .into_iter()
        .chain(request.state.as_deref().map(|state| ("state", state)))
        .map(|(name, value)| {
            format!(
                r#"<input type="hidden" name="{name}" value="{}">"#,
                escape(value)
            )
        });
    let button = if english {
        "Log in as {name}"
    } else {
        "以 {name} 的身份登录"
    };
    let initials: String = person
        .name
        .chars()
        .rev()
        .take(2)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    LOGIN
        .replace("{lang}", if english { "en" } else { "zh-CN" })
        .replace("{title}", &say("登录", "Log in"))
        .replace(
            "{wants}",
            &escape(&say(
                "申请使用你的身份信息",
                "would like to know who you are",
            )),
        )
        .replace("{as}", &escape(&say("登录身份", "Log in as")))
        .replace("{refuse}", &escape(&say("拒绝", "Refuse")))
        .replace("{note}", &escape(&say("登录后将回到", "You return to")))
        .replace(
            "{sandbox}",
            &escape(&say(
                "钉钉沙盒 · 仅用于试用",
                "DingTalk sandbox · for trying out",
            )),
        )
        .replace("{button-pattern}", button)
        .replace("{button}", &escape(&button.replace("{name}", &person.name)))
        .replace("{options}", &options.collect::<String>())
        .replace("{hidden}", &hidden.collect::<String>())
        .replace("{colour}", crate::text::colour(&person.avatar_colour))
        .replace("{initials}", &escape(&initials))
        .replace("{host}", &escape(&target.origin().ascii_serialization()))
        .replace("{organisation}", &escape(&world.organisation.name))
        .replace("{app}", &escape(app))
}

fn render_problem(problem: &Problem, english: bool) -> String {
    let (title, text) = if english {
        ("Cannot log in", problem.en)
    } else {
        ("无法登录", problem.zh)
    };
    PROBLEM
        .replace("{lang}", if english { "en" } else { "zh-CN" })
        .replace("{title}", title)
        .replace("{problem}", &escape(text))
}

const LOGIN: &str = include_str!("../../assets/login.html");
const PROBLEM: &str = include_str!("../../assets/login_problem.html");
