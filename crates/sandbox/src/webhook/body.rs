//! Reads the five message types of a webhook: text, link, markdown, actionCard, feedCard.
//!
//! The keys' capital letters differ by type and are checked to the letter: link `messageUrl`/`picUrl`, feedCard
//! `messageURL`/`picURL`, buttons `actionURL`, whole card `singleURL`. Link and feedCard cannot mention anyone; only
//! members can be mentioned, and the numbers of others are masked (脱敏) in the text.

use serde_json::Value;

use super::refusals;
use crate::call::LegacyRefusal;
use crate::message::{Button, Content, FeedLink, Layout};
use crate::organisation::Person;

const AT_MOST: usize = 50;

/// What a body asks for, mentions resolved.
#[derive(Debug)]
pub(crate) struct DraftMessage {
    pub(crate) content: Content,
    pub(crate) mentions: Vec<String>,
    pub(crate) at_all: bool,
    pub(crate) msg_uuid: Option<String>,
}

pub(crate) fn read_message(
    json: &Value,
    members: &[&Person],
) -> Result<DraftMessage, LegacyRefusal> {
    if !json.is_object() {
        return Err(LegacyRefusal::new(40_035, "缺少参数 json"));
    }
    let msgtype = json["msgtype"].as_str().unwrap_or_default();
    let fields = Fields {
        msgtype,
        json: &json[msgtype],
    };
    let mut content = match msgtype {
        "text" => Content::Text {
            text: fields.text("content")?,
        },
        "link" => Content::Link {
            title: fields.text("title")?,
            text: fields.text("text")?,
            url: fields.text("messageUrl")?,
            picture: fields.optional("picUrl"),
        },
        "markdown" => Content::Markdown {
            title: fields.text("title")?,
            text: fields.text("text")?,
        },
        "actionCard" => action_card(&fields)?,
        "feedCard" => Content::FeedCard {
            links: feed_links(&fields)?,
        },
        _ => return Err(LegacyRefusal::new(400_105, "不支持的消息类型")),
    };
    let at = read_at(&json["at"], members)?;
    let can_mention = !matches!(content, Content::Link { .. } | Content::FeedCard { .. });
    let mentioned_text = match &mut content {
        Content::Text { text }
        | Content::Markdown { text, .. }
        | Content::ActionCard { text, .. } => Some(text),
        _ => None,
    };
    if let Some(text) = mentioned_text {
        *text = at.strangers.iter().fold(text.clone(), |text, mobile| {
            text.replace(mobile.as_str(), &masked(mobile))
        });
    }
    Ok(DraftMessage {
        content,
        mentions: if can_mention { at.userids } else { Vec::new() },
        at_all: can_mention && at.all,
        msg_uuid: json["msgUuid"]
            .as_str()
            .filter(|uuid| !uuid.is_empty())
            .map(str::to_owned),
    })
}

fn action_card(fields: &Fields<'_>) -> Result<Content, LegacyRefusal> {
    let (title, text) = (fields.text("title")?, fields.text("text")?);
    if let (Some(title_of_button), Some(url)) =
        (fields.optional("singleTitle"), fields.optional("singleURL"))
    {
        let buttons = vec![Button {
            title: title_of_button,
            url,
        }];
        return Ok(Content::ActionCard {
            title,
            text,
            layout: Layout::Whole,
            buttons,
        });
    }
    let rows = fields.json["btns"]
        .as_array()
        .filter(|rows| !rows.is_empty());
    let Some(rows) = rows else {
        let missing = if fields.optional("singleTitle").is_some() {
            "singleURL"
        } else {
            "singleTitle"
        };
        return Err(refusals::field(fields.msgtype, missing));
    };
    let buttons = rows.iter().map(|row| {
        let row = Fields {
            msgtype: "actionCard.btns",
            json: row,
        };
        let title = row
            .optional("title")
            .ok_or_else(|| refusals::field("actionCard", "btns.title"))?;
        let url = row
            .optional("actionURL")
            .ok_or_else(|| refusals::field("actionCard", "btns.actionURL"))?;
        Ok(Button { title, url })
    });
    let horizontal = fields.json["btnOrientation"] == "1" || fields.json["btnOrientation"] == 1;
    let layout = if horizontal {
        Layout::Horizontal
    } else {
        Layout::Vertical
    };
    Ok(Content::ActionCard {
        title,
        text,
        layout,
        buttons: buttons.collect::<Result<_, _>>()?,
    })
}

fn feed_links(fields: &Fields<'_>) -> Result<Vec<FeedLink>, LegacyRefusal> {
    let rows = fields.json["links"]
        .as_array()
        .filter(|rows| !rows.is_empty());
    let rows = rows.ok_or_else(|| refusals::field(fields.msgtype, "links"))?;
    rows.iter()
        .map(|row| {
            let row = Fields {
                msgtype: "feedCard",
                json: row,
            };
            let of = |name: &str| {
                row.optional(name)
                    .ok_or_else(|| refusals::field("feedCard", &format!("links.{name}")))
            };
            Ok(FeedLink {
                title: of("title")?,
                url: of("messageURL")?,
                picture: of("picURL")?,
            })
        })
        .collect()
}

struct Fields<'a> {
    msgtype: &'a str,
    json: &'a Value,
}

impl Fields<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        self.json[name]
            .as_str()
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
    }

    fn text(&self, name: &str) -> Result<String, LegacyRefusal> {
        self.optional(name)
            .ok_or_else(|| refusals::field(self.msgtype, name))
    }
}

struct At {
    userids: Vec<String>,
    strangers: Vec<String>,
    all: bool,
}

fn read_at(at: &Value, members: &[&Person]) -> Result<At, LegacyRefusal> {
    let list = |name: &str| -> Vec<String> {
        let rows = at[name].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter()
            .filter_map(|row| {
                row.as_str()
                    .map(str::to_owned)
                    .or_else(|| row.as_u64().map(|n| n.to_string()))
            })
            .collect()
    };
    let (mobiles, userids) = (list("atMobiles"), list("atUserIds"));
    if mobiles.len() + userids.len() > AT_MOST {
        return Err(LegacyRefusal::new(
            40_035,
            format!("参数 at 不合法，最多 @{AT_MOST} 人"),
        ));
    }
    let mut found = At {
        userids: Vec::new(),
        strangers: Vec::new(),
        all: at["isAtAll"] == true || at["isAtAll"] == "true",
    };
    for mobile in mobiles {
        match members
            .iter()
            .find(|member| member.mobile == mobile.trim_start_matches("+86-"))
        {
            Some(member) => found.userids.push(member.userid.clone()),
            None => found.strangers.push(mobile),
        }
    }
    found.userids.extend(
        userids
            .into_iter()
            .filter(|userid| members.iter().any(|member| member.userid == *userid)),
    );
    let mut seen = std::collections::HashSet::new();
    found.userids.retain(|userid| seen.insert(userid.clone()));
    found.strangers.retain(|mobile| mobile.chars().count() >= 7);
    Ok(found)
}

/// `180****0000`
fn masked(mobile: &str) -> String {
    let count = mobile.chars().count();
    mobile
        .chars()
        .enumerate()
        .map(|(at, digit)| {
            if at >= 3 && at + 4 < count {
                '*'
            } else {
                digit
            }
        })
        .collect()
}
