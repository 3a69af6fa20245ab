//! The calls of an app: tokens, robot messages, login, directory. One file per family, routes listed here.
//!
//! `/v1.0/…` are of api.dingtalk.com, the others of oapi.dingtalk.com. Source of shapes and codes: the official
//! documentation and SDKs; a code that neither names is said so beside it.

mod announcements;
mod cards;
mod cards_delivery;
mod cards_top_boxes;
mod contacts;
mod contacts_departments;
mod contacts_leavers;
mod contacts_people;
mod contacts_roles;
mod ding;
mod gateway;
mod gateway_failed;
mod group_announcements;
mod group_messages;
mod groups;
mod legacy;
mod login;
mod login_app;
mod media;
mod notice_body;
mod personal_messages;
mod scene_groups;
mod storage;
mod storage_conversations;
mod storage_dentries;
mod storage_permissions;
mod storage_spaces;
mod storage_uploads;
mod todos;
mod tokens;
mod work_notices;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde_json::Value;

pub(crate) use self::media::show as show_media;
pub(crate) use self::todos::tick as tick_todo;
use crate::call::{Call, ModernRefusal, legacy, modern, modern_delete, modern_get, modern_put};
use crate::message::{Button, Content, Layout};
use crate::rules::{Moderation, Unsuitable};
use crate::shared::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/robot/send", legacy(crate::webhook::send))
        .route(
            "/robot/sendBySession",
            legacy(crate::push::reply_by_session),
        )
        .route("/v1.0/gateway/connections/open", post(gateway::open))
        .merge(crate::push::routes())
        .route(
            "/call_back/get_call_back_failed_result",
            legacy(gateway_failed::fetch),
        )
        .route(
            "/v1.0/event/callbacks/failedResults",
            modern_get(gateway_failed::list),
        )
        .route(
            "/v1.0/card/instances",
            modern(cards::create).merge(modern_put(cards::update)),
        )
        .route(
            "/v1.0/card/instances/createAndDeliver",
            modern(cards::create_and_deliver),
        )
        .route("/v1.0/card/instances/deliver", modern(cards::deliver))
        .route("/v1.0/card/instances/spaces", modern_put(cards::add_spaces))
        .route("/v1.0/card/streaming", modern_put(cards::stream))
        .route("/v1.0/card/callbacks/register", modern(cards::register))
        .route("/v1.0/card/tops/close", modern(cards_delivery::close_top))
        .route("/v2.0/im/topBoxes", modern(cards_top_boxes::open))
        .route("/v2.0/im/topBoxes/close", modern(cards_top_boxes::shut))
        .merge(work_notice_routes())
        .merge(todo_routes())
        .merge(announcement_routes())
        .route("/media/upload", post(media::upload))
        .route("/v1.0/robot/ding/send", modern(ding::send))
        .route("/v1.0/robot/ding/recall", modern(ding::recall))
        .route(
            "/v1.0/robot/ding/readStatuses/query",
            modern(ding::read_statuses),
        )
        .route("/gettoken", legacy(tokens::legacy_token))
        .merge(contacts::routes())
        .merge(groups::routes())
        .merge(scene_groups::routes())
        .merge(storage::routes())
        .route(
            "/topapi/v2/user/getuserinfo",
            legacy(login_app::person_of_code),
        )
        .route("/v1.0/oauth2/accessToken", modern(tokens::app_token))
        .route("/v1.0/oauth2/{corpId}/token", modern(tokens::unified_token))
        .route("/v1.0/oauth2/userAccessToken", modern(tokens::user_token))
        .route(
            "/v1.0/robot/oToMessages/batchSend",
            modern(personal_messages::send),
        )
        .route(
            "/v1.0/robot/oToMessages/readStatus",
            modern_get(personal_messages::read_status),
        )
        .route(
            "/v1.0/robot/otoMessages/batchRecall",
            modern(personal_messages::recall),
        )
        .route(
            "/v1.0/robot/groupMessages/send",
            modern(group_messages::send),
        )
        .route(
            "/v1.0/robot/groupMessages/query",
            modern(group_messages::readers),
        )
        .route(
            "/v1.0/robot/groupMessages/recall",
            modern(group_messages::recall),
        )
        .route(
            "/v1.0/robot/groups/robots/query",
            modern(group_messages::robots),
        )
        .method_not_allowed_fallback(crate::call::unknown)
}

fn work_notice_routes() -> Router<Arc<Shared>> {
    let at = |name: &str| format!("/topapi/message/corpconversation/{name}");
    Router::new()
        .route(&at("asyncsend_v2"), legacy(work_notices::send))
        .route(&at("getsendprogress"), legacy(work_notices::progress))
        .route(&at("getsendresult"), legacy(work_notices::result))
        .route(&at("recall"), legacy(work_notices::recall))
        .route(
            &at("status_bar/update"),
            legacy(work_notices::update_status),
        )
}

fn todo_routes() -> Router<Arc<Shared>> {
    let at = |rest: &str| format!("/v1.0/todo/users/{{unionId}}/{rest}");
    Router::new()
        .route(&at("tasks"), modern(todos::create))
        .route(
            &at("tasks/{taskId}"),
            modern_get(todos::get)
                .merge(modern_put(todos::update))
                .merge(modern_delete(todos::delete)),
        )
        .route(
            &at("tasks/{taskId}/executorStatus"),
            modern_put(todos::executor_status),
        )
        .route(&at("tasks/{taskId}/hide"), modern_delete(todos::hide))
        .route(
            &at("tasks/sources/{sourceId}"),
            modern_get(todos::by_source),
        )
        .route(&at("org/tasks/query"), modern(todos::query))
}

fn announcement_routes() -> Router<Arc<Shared>> {
    let old = |name: &str| format!("/topapi/blackboard/{name}");
    let of_group = |name: &str| format!("/v1.0/groupBlackboard/blackboards{name}");
    Router::new()
        .route(&old("create"), legacy(announcements::create))
        .route(&old("update"), legacy(announcements::update))
        .route(&old("delete"), legacy(announcements::delete))
        .route(&old("listids"), legacy(announcements::list_ids))
        .route(&old("category/list"), legacy(announcements::categories))
        .route(&old("listtopten"), legacy(announcements::top_ten))
        .route(
            "/v1.0/blackboard/get_blackboard",
            modern_get(announcements::get),
        )
        .route(
            "/v1.0/blackboard/readers",
            modern_get(announcements::readers),
        )
        .route(&of_group(""), modern(group_announcements::create))
        .route(&of_group("/create"), modern(group_announcements::create))
        .route(&of_group("/edit"), modern(group_announcements::edit))
        .route(&of_group("/delete"), modern(group_announcements::delete))
        .route(&of_group("/remove"), modern(group_announcements::delete))
        .route(&of_group("/get"), modern(group_announcements::get))
        .route(&of_group("/list"), modern(group_announcements::list))
}

/// The signed addresses of the drive, which stand in for object storage; faults do not strike them.
pub(crate) fn object_routes() -> Router<Arc<Shared>> {
    storage_uploads::object_routes()
}

/// The page of login.dingtalk.com; it is no API, so faults do not strike it.
pub(crate) fn login_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/oauth2/auth", get(login::page))
        .route("/oauth2/auth/consent", post(login::consent))
}

/// The body of a call to api.dingtalk.com. (The code for a body that is not JSON is inferred.)
fn json_body(call: &Call) -> Result<Value, ModernRefusal> {
    serde_json::from_slice(&call.body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ModernRefusal::bad("invalidParameter.body", "请求体不是合法的 JSON"))
}

/// A string that must be there.
fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, ModernRefusal> {
    body[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ModernRefusal::missing(name))
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row.as_str().map(str::to_owned))
        .collect()
}

/// `msgParam` of group messages is limited to 15,000 bytes; the limit of personal ones is not published.
const MSG_PARAM_BYTES: usize = 15_000;

/// Reads `msgKey` and `msgParam` (a JSON string) into what a bubble shows.
fn read_template(body: &Value) -> Result<Content, ModernRefusal> {
    let key = required(body, "msgKey")?;
    let text = required(body, "msgParam")?;
    if text.len() > MSG_PARAM_BYTES {
        return Err(ModernRefusal::bad(
            "invalidParameter.msgParam.tooLong",
            "消息参数过长",
        ));
    }
    // Inferred code: the documentation names only the one for a length.
    let invalid = |what: String| ModernRefusal::bad("invalidParameter.msgParam.invalid", what);
    let param: Value = serde_json::from_str(text)
        .map_err(|_| invalid("msgParam 不是合法的 JSON 字符串".into()))?;
    let field = |name: &str| {
        let value = match &param[name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if value.trim().is_empty() {
            Err(invalid(format!("msgParam 缺少参数 {name}")))
        } else {
            Ok(value)
        }
    };
    let card = |buttons: Vec<Button>, layout| {
        Ok(Content::ActionCard {
            title: field("title")?,
            text: field("text")?,
            layout,
            buttons,
        })
    };
    match key {
        "sampleText" => Ok(Content::Text {
            text: field("content")?,
        }),
        "sampleMarkdown" => Ok(Content::Markdown {
            title: field("title")?,
            text: field("text")?,
        }),
        "sampleImageMsg" => Ok(Content::Image {
            url: field("photoURL")?,
        }),
        "sampleLink" => Ok(Content::Link {
            title: field("title")?,
            text: field("text")?,
            url: field("messageUrl")?,
            picture: field("picUrl").ok(),
        }),
        "sampleActionCard" => card(
            vec![Button {
                title: field("singleTitle")?,
                url: field("singleURL")?,
            }],
            Layout::Whole,
        ),
        "sampleActionCard2" | "sampleActionCard3" | "sampleActionCard4" | "sampleActionCard5" => {
            let count = key
                .chars()
                .last()
                .and_then(|digit| digit.to_digit(10))
                .unwrap_or(2);
            let buttons = (1..=count).map(|n| {
                Ok(Button {
                    title: field(&format!("actionTitle{n}"))?,
                    url: field(&format!("actionURL{n}"))?,
                })
            });
            card(
                buttons.collect::<Result<_, ModernRefusal>>()?,
                Layout::Vertical,
            )
        }
        "sampleActionCard6" => {
            let buttons = (1..=2).map(|n| {
                Ok(Button {
                    title: field(&format!("buttonTitle{n}"))?,
                    url: field(&format!("buttonUrl{n}"))?,
                })
            });
            card(
                buttons.collect::<Result<_, ModernRefusal>>()?,
                Layout::Horizontal,
            )
        }
        "sampleAudio" => {
            field("mediaId")?;
            Ok(Content::Audio {
                duration_ms: field("duration")?.parse().unwrap_or(0),
            })
        }
        "sampleFile" => {
            let href = crate::text::picture(&field("mediaId")?);
            Ok(Content::File {
                name: field("fileName")?,
                file_type: field("fileType")?,
                href,
            })
        }
        "sampleVideo" => {
            for name in ["videoMediaId", "picMediaId", "videoType"] {
                field(name)?;
            }
            Ok(Content::Video {
                duration_s: field("duration")?.parse().unwrap_or(0),
            })
        }
        // Inferred code.
        _ => Err(ModernRefusal::bad(
            "invalidParameter.msgKey.notExist",
            format!("消息模板 {key} 不存在"),
        )),
    }
}

fn moderate(moderation: &Moderation, content: &Content) -> Result<(), ModernRefusal> {
    match moderation.judge(content) {
        None => Ok(()),
        Some(Unsuitable::Link) => Err(ModernRefusal::bad("contain.unsafe.url", "含有不安全的外链")),
        Some(Unsuitable::Text) => Err(ModernRefusal::bad(
            "contain.notAllowed.text",
            "含有不合适的文本",
        )),
        Some(Unsuitable::Picture) => Err(ModernRefusal::bad(
            "contain.notAllowed.picture",
            "含有不合适的图片",
        )),
        Some(Unsuitable::Content) => Err(ModernRefusal::bad(
            "contain.notAllowed.content",
            "含有不合适的内容",
        )),
    }
}
