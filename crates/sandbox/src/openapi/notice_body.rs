//! The `msg` of a work notice: which fields each type must have, and what its bubble shows.
//!
//! Source: 消息类型与数据格式 (`message-types-and-data-format`). At most 2,048 bytes in all; a media id must be one
//! that was uploaded. Weakness: the codes for too long and for missing fields are inferred from the global table.

use serde_json::Value;

use super::legacy::{invalid, missing, number};
use crate::call::LegacyRefusal;
use crate::media::MediaFile;
use crate::message::{Button, Content, Layout, OaCard};
use crate::work_notices::StatusBar;
use crate::world::World;

const BYTES_AT_MOST: usize = 2_048;
const FILE_BYTES_AT_MOST: usize = 10 * 1024 * 1024;

/// What a work notice says.
pub(super) struct NoticeBody {
    pub(super) content: Content,
    pub(super) status: Option<StatusBar>,
}

pub(super) fn read(world: &World, msg: &Value) -> Result<NoticeBody, LegacyRefusal> {
    if msg.to_string().len() > BYTES_AT_MOST {
        return Err(invalid(format!("msg，长度超过{BYTES_AT_MOST}字节")));
    }
    let kind = text(msg, "msgtype", "msg")?;
    let part = &msg[kind.as_str()];
    if !part.is_object() {
        return Err(missing(&format!("msg.{kind}")));
    }
    let field = |name: &str| text(part, name, kind.as_str());
    let mut status = None;
    let content = match kind.as_str() {
        "text" => Content::Text {
            text: field("content")?,
        },
        "markdown" => Content::Markdown {
            title: field("title")?,
            text: at_most(field("text")?, 5_000, "markdown.text")?,
        },
        "link" => Content::Link {
            title: at_most(field("title")?, 100, "link.title")?,
            text: at_most(field("text")?, 500, "link.text")?,
            url: field("messageUrl")?,
            picture: Some(field("picUrl")?),
        },
        "image" => Content::Image {
            url: media(world, &field("media_id")?)?.id.clone(),
        },
        "file" => file(media(world, &field("media_id")?)?)?,
        "voice" => {
            media(world, &field("media_id")?)?;
            let seconds = number(&part["duration"]).filter(|seconds| (1..60).contains(seconds));
            let seconds = seconds.ok_or_else(|| invalid("voice.duration，须小于60秒"))?;
            Content::Audio {
                duration_ms: seconds.unsigned_abs() * 1_000,
            }
        }
        "action_card" => action_card(part)?,
        "oa" => {
            status = status_bar(&part["status_bar"])?;
            Content::Oa(oa(part)?)
        }
        // Remembered from the global table, not quoted from a source.
        _ => return Err(LegacyRefusal::new(40_008, "不合法的消息类型")),
    };
    Ok(NoticeBody { content, status })
}

/// `status_value` and `status_bg` of a status bar, which come together.
pub(super) fn read_status(
    value: Option<&str>,
    background: Option<&str>,
) -> Result<StatusBar, LegacyRefusal> {
    let value = value.filter(|value| !value.is_empty());
    let background = background.filter(|text| {
        text.strip_prefix("0x")
            .is_some_and(|digits| is_hex(digits, 8))
    });
    Ok(StatusBar {
        value: value.ok_or_else(|| missing("status_value"))?.to_owned(),
        background: background
            .ok_or_else(|| invalid("status_bg，须为0xFF加6位十六进制数"))?
            .to_owned(),
    })
}

fn status_bar(part: &Value) -> Result<Option<StatusBar>, LegacyRefusal> {
    if part.is_null() {
        return Ok(None);
    }
    read_status(part["status_value"].as_str(), part["status_bg"].as_str()).map(Some)
}

fn action_card(part: &Value) -> Result<Content, LegacyRefusal> {
    let field = |name: &str| text(part, name, "action_card");
    let (buttons, layout) = if part["btn_json_list"].is_null() {
        let button = Button {
            title: at_most(field("single_title")?, 20, "action_card.single_title")?,
            url: at_most(field("single_url")?, 500, "action_card.single_url")?,
        };
        (vec![button], Layout::Whole)
    } else {
        let list = &part["btn_json_list"];
        if list.to_string().chars().count() > 1_000 {
            return Err(invalid("action_card.btn_json_list，长度超过1000"));
        }
        let rows = list.as_array().filter(|rows| !rows.is_empty());
        let rows = rows.ok_or_else(|| missing("action_card.btn_json_list"))?;
        let buttons = rows.iter().map(|row| {
            let title = text(row, "title", "action_card.btn_json_list")?;
            let url = text(row, "action_url", "action_card.btn_json_list")?;
            Ok(Button {
                title: at_most(title, 20, "action_card.btn_json_list.title")?,
                url: at_most(url, 700, "action_card.btn_json_list.action_url")?,
            })
        });
        let layout = match part["btn_orientation"].as_str() {
            Some("1") => Layout::Horizontal,
            Some("0") => Layout::Vertical,
            _ => return Err(missing("action_card.btn_orientation")),
        };
        (buttons.collect::<Result<_, LegacyRefusal>>()?, layout)
    };
    Ok(Content::ActionCard {
        title: field("title")?,
        text: field("markdown")?,
        layout,
        buttons,
    })
}

fn oa(part: &Value) -> Result<OaCard, LegacyRefusal> {
    let head_colour = text(&part["head"], "bgcolor", "oa.head")?;
    if !is_hex(&head_colour, 8) {
        return Err(invalid("oa.head.bgcolor，须为8位十六进制数"));
    }
    let body = &part["body"];
    if !body.is_object() {
        return Err(missing("oa.body"));
    }
    let optional = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let form = body["form"].as_array().into_iter().flatten();
    let rich = &body["rich"];
    let image = optional(&body["image"]);
    Ok(OaCard {
        url: text(part, "message_url", "oa")?,
        pc_url: optional(&part["pc_message_url"]),
        head_colour,
        title: at_most(optional(&body["title"]), 50, "oa.body.title")?,
        form: form
            .map(|row| (optional(&row["key"]), optional(&row["value"])))
            .collect(),
        rich: rich
            .is_object()
            .then(|| (optional(&rich["num"]), optional(&rich["unit"]))),
        content: optional(&body["content"]),
        image,
        file_count: optional(&body["file_count"]),
        author: optional(&body["author"]),
    })
}

fn file(media: &MediaFile) -> Result<Content, LegacyRefusal> {
    if media.size > FILE_BYTES_AT_MOST {
        return Err(LegacyRefusal::new(40_006, "不合法的文件大小"));
    }
    Ok(Content::File {
        name: media.name.clone(),
        file_type: media.extension().to_owned(),
        href: crate::text::picture(&media.id),
    })
}

/// An uploaded file that a message names.
pub(super) fn media<'a>(world: &'a World, id: &str) -> Result<&'a MediaFile, LegacyRefusal> {
    world
        .media
        .get(id)
        .ok_or_else(|| LegacyRefusal::new(40_007, "不合法的媒体文件id"))
}

fn text(part: &Value, name: &str, of: &str) -> Result<String, LegacyRefusal> {
    part[name]
        .as_str()
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned)
        .ok_or_else(|| missing(&format!("{of}.{name}")))
}

fn at_most(text: String, characters: usize, what: &str) -> Result<String, LegacyRefusal> {
    if text.chars().count() > characters {
        return Err(invalid(format!("{what}，长度超过{characters}")));
    }
    Ok(text)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.chars().all(|digit| digit.is_ascii_hexdigit())
}
