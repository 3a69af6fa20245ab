//! Work notices (工作通知): one message to many people in the app's own conversation.
//!
//! Callers: a channel for work notices, its collector of results.
//! Invariant: 100 people or 20 departments a call, 2,048 bytes of `msg` measured as sent.
//! Weakness: over its daily limits the platform answers success and delivers nothing; the same
//! text reaches the same person once a day. Read [`WorkNotices::result`] once, and vary the text.
//! Source: 异步发送工作通知, 工作通知消息类型, 获取工作通知消息的发送进度/发送结果, 撤回工作通知消息,
//! 更新工作通知状态栏.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::calls::undenied;
use crate::error::{Error, MessageProblem};
use crate::message::{Button, Orientation};

/// People of one call.
pub const PEOPLE_PER_NOTICE: usize = 100;
/// Departments of one call, each with all below it.
pub const DEPARTMENTS_PER_NOTICE: usize = 20;
/// Bytes of `msg` as JSON.
pub const NOTICE_LIMIT_BYTES: usize = 2048;
/// A status bar works for so few people only.
pub const PEOPLE_WITH_STATUS_BAR: usize = 5;
/// Messages of one app to one person in a day; beyond, success is answered and nothing delivered.
pub const NOTICES_PER_PERSON_AND_DAY: usize = 500;
/// Progress and results can be asked for this long. (One page also says seven days for progress.)
pub const RESULT_WINDOW_MS: i64 = 24 * 3_600_000;
/// Results are refused for more receivers.
pub const PEOPLE_WITH_RESULT: usize = 100;

pub const SEND: Api = Api::post(
    "notice_send",
    "/topapi/message/corpconversation/asyncsend_v2",
)
.scope("qyapi_base");
pub const PROGRESS: Api = Api::post(
    "notice_progress",
    "/topapi/message/corpconversation/getsendprogress",
)
.scope("qyapi_base");
pub const RESULT: Api = Api::post(
    "notice_result",
    "/topapi/message/corpconversation/getsendresult",
)
.scope("qyapi_base");
pub const RECALL: Api =
    Api::post("notice_recall", "/topapi/message/corpconversation/recall").scope("qyapi_base");
pub const STATUS_BAR: Api = Api::post(
    "notice_status_bar",
    "/topapi/message/corpconversation/status_bar/update",
)
.scope("qyapi_base");
pub const APIS: &[Api] = &[SEND, PROGRESS, RESULT, RECALL, STATUS_BAR];

/// The work notices of one app, by its agent id (not its client id).
#[derive(Debug, Clone, Copy)]
pub struct WorkNotices<'a> {
    app: &'a App,
    agent_id: i64,
}

/// Who is to get a notice.
#[derive(Debug, Clone, Copy)]
pub enum NoticeTo<'a> {
    /// Userids, at most [`PEOPLE_PER_NOTICE`].
    People(&'a [&'a str]),
    /// Department ids, at most [`DEPARTMENTS_PER_NOTICE`].
    Departments(&'a [i64]),
    /// The whole organisation; three times a day at most.
    Everybody,
}

/// What a notice says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeBody {
    /// About 500 characters at most.
    Text {
        content: String,
    },
    Image {
        media_id: String,
    },
    Voice {
        media_id: String,
        /// Below 60.
        seconds: u8,
    },
    /// The file behind `media_id` has at most 10 MB.
    File {
        media_id: String,
    },
    /// All four are required.
    Link {
        title: String,
        text: String,
        message_url: String,
        picture: String,
    },
    Markdown {
        title: String,
        text: String,
    },
    /// One button: the whole card opens its address. Several: each its own; together at most
    /// 1,000 characters. Buttons only open addresses.
    ActionCard {
        title: String,
        markdown: String,
        buttons: Vec<Button>,
        orientation: Orientation,
    },
    Oa(Box<OaNotice>),
}

/// The `oa` form: a coloured head, rows of facts, an optional status bar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OaNotice {
    pub message_url: String,
    pub pc_message_url: Option<String>,
    /// `AARRGGBB`; its text is replaced by the app's name.
    pub head_colour: String,
    pub status: Option<StatusBar>,
    /// 50 characters.
    pub title: Option<String>,
    /// Label and value; six rows are shown.
    pub form: Vec<(String, String)>,
    /// Number and unit.
    pub rich: Option<(String, String)>,
    /// Three lines are shown.
    pub content: Option<String>,
    /// A media id, 600×400.
    pub image: Option<String>,
    pub file_count: Option<String>,
    pub author: Option<String>,
}

/// A line such as 待确认 on its colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusBar {
    #[serde(rename = "status_value")]
    pub value: String,
    /// `0xFF` and six hex digits.
    #[serde(rename = "status_bg")]
    pub colour: String,
}

impl NoticeBody {
    /// The `msg` object.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text { content } => json!({ "msgtype": "text", "text": { "content": content } }),
            Self::Image { media_id } => {
                json!({ "msgtype": "image", "image": { "media_id": media_id } })
            }
            Self::Voice { media_id, seconds } => json!({
                "msgtype": "voice",
                "voice": { "media_id": media_id, "duration": seconds.to_string() },
            }),
            Self::File { media_id } => {
                json!({ "msgtype": "file", "file": { "media_id": media_id } })
            }
            Self::Link {
                title,
                text,
                message_url,
                picture,
            } => json!({
                "msgtype": "link",
                "link": { "messageUrl": message_url, "picUrl": picture, "title": title, "text": text },
            }),
            Self::Markdown { title, text } => {
                json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text } })
            }
            Self::ActionCard {
                title,
                markdown,
                buttons,
                orientation,
            } => json!({
                "msgtype": "action_card",
                "action_card": action_card(title, markdown, buttons, *orientation),
            }),
            Self::Oa(oa) => json!({ "msgtype": "oa", "oa": oa.to_json() }),
        }
    }

    /// Bytes as sent; compare with [`NOTICE_LIMIT_BYTES`].
    pub fn encoded_len(&self) -> usize {
        self.to_json().to_string().len()
    }

    pub fn fits(&self) -> bool {
        self.encoded_len() <= NOTICE_LIMIT_BYTES
    }

    /// The longest beginning of `long`, ended by `…` where it had to be cut, for which the notice
    /// built from it fits; between characters as people see them. `None`: not even an empty
    /// text fits, or the builder's own parts are too large.
    pub fn fit(long: &str, build: impl Fn(String) -> Self) -> Option<Self> {
        let whole = build(long.to_owned());
        if whole.fits() {
            return Some(whole);
        }
        let ends: Vec<usize> =
            unicode_segmentation::UnicodeSegmentation::grapheme_indices(long, true)
                .map(|(index, _)| index)
                .collect();
        let cut = |count: usize| {
            let end = ends.get(count).copied().unwrap_or(long.len());
            let head = long.get(..end).unwrap_or_default();
            build(format!("{}…", head.trim_end()))
        };
        // The length grows with the cut, so halving finds the last that fits.
        let (mut low, mut high) = (0, ends.len());
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if cut(middle).fits() {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let best = cut(low);
        best.fits().then_some(best)
    }

    fn has_status_bar(&self) -> bool {
        matches!(self, Self::Oa(oa) if oa.status.is_some())
    }
}

impl OaNotice {
    fn to_json(&self) -> Value {
        let mut body = json!({});
        for (key, value) in [
            ("title", &self.title),
            ("content", &self.content),
            ("image", &self.image),
            ("file_count", &self.file_count),
            ("author", &self.author),
        ] {
            if let Some(value) = value {
                body[key] = value.clone().into();
            }
        }
        if !self.form.is_empty() {
            let row = |(key, value): &(String, String)| json!({ "key": key, "value": value });
            body["form"] = self.form.iter().map(row).collect();
        }
        if let Some((num, unit)) = &self.rich {
            body["rich"] = json!({ "num": num, "unit": unit });
        }
        let mut oa = json!({
            "message_url": self.message_url,
            "head": { "bgcolor": self.head_colour, "text": "" },
            "body": body,
        });
        if let Some(url) = &self.pc_message_url {
            oa["pc_message_url"] = url.clone().into();
        }
        if let Some(status) = &self.status {
            oa["status_bar"] = json!(status);
        }
        oa
    }
}

fn action_card(title: &str, markdown: &str, buttons: &[Button], orientation: Orientation) -> Value {
    if let [only] = buttons {
        return json!({
            "title": title, "markdown": markdown,
            "single_title": only.title, "single_url": only.url,
        });
    }
    let list: Vec<Value> = buttons
        .iter()
        .map(|button| json!({ "title": button.title, "action_url": button.url }))
        .collect();
    let orientation = match orientation {
        Orientation::Vertical => "0",
        Orientation::Horizontal => "1",
    };
    json!({
        "title": title, "markdown": markdown, "btn_orientation": orientation,
        "btn_json_list": list,
    })
}

/// How far a sending is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct NoticeProgress {
    #[serde(rename = "progress_in_percent")]
    pub percent: u8,
    /// 0 not begun, 1 under way, 2 finished.
    pub status: u8,
}

/// What became of a sending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct NoticeResult {
    #[serde(rename = "invalid_user_id_list")]
    pub invalid_people: Vec<String>,
    #[serde(rename = "forbidden_user_id_list")]
    pub forbidden_people: Vec<String>,
    #[serde(rename = "failed_user_id_list")]
    pub failed_people: Vec<String>,
    /// Saw the notice in the conversation; not: opened what it links to.
    #[serde(rename = "read_user_id_list")]
    pub read_people: Vec<String>,
    #[serde(rename = "unread_user_id_list")]
    pub unread_people: Vec<String>,
    #[serde(rename = "invalid_dept_id_list")]
    pub invalid_departments: Vec<i64>,
    #[serde(rename = "forbidden_list")]
    pub forbidden: Vec<Forbidden>,
}

/// Why a person got nothing: 143105 too many today, 143106 the same text today, and others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Forbidden {
    pub code: i64,
    pub count: i64,
    #[serde(rename = "userid")]
    pub user_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent {
    task_id: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Progress {
    progress: NoticeProgress,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SendResult {
    send_result: NoticeResult,
}

impl App {
    /// The app's work notices. `agent_id` stands beside the client id in the console.
    pub fn work_notices(&self, agent_id: i64) -> WorkNotices<'_> {
        WorkNotices {
            app: self,
            agent_id,
        }
    }
}

impl WorkNotices<'_> {
    /// Hands a notice over; returns its task id. Success is not delivery.
    pub async fn send(
        &self,
        to: NoticeTo<'_>,
        body: &NoticeBody,
        now_ms: i64,
    ) -> Result<i64, Error> {
        let size = body.encoded_len();
        if size > NOTICE_LIMIT_BYTES {
            return Err(Error::Message(MessageProblem::TooLarge {
                what: "the work notice",
                unit: "bytes",
                limit: NOTICE_LIMIT_BYTES,
                got: size,
            }));
        }
        let mut ask = json!({ "agent_id": self.agent_id, "msg": body.to_json() });
        let call = Call::of(&SEND);
        let call = match to {
            NoticeTo::People(people) => {
                ask["userid_list"] = people.join(",").into();
                let limit = if body.has_status_bar() {
                    PEOPLE_WITH_STATUS_BAR
                } else {
                    PEOPLE_PER_NOTICE
                };
                call.not_empty("the list of people", people.is_empty())
                    .at_most("people", limit, people.len())
            }
            NoticeTo::Departments(departments) => {
                let ids: Vec<String> = departments.iter().map(ToString::to_string).collect();
                ask["dept_id_list"] = ids.join(",").into();
                call.not_empty("the list of departments", departments.is_empty())
                    .at_most("departments", DEPARTMENTS_PER_NOTICE, departments.len())
            }
            NoticeTo::Everybody => {
                ask["to_all_user"] = true.into();
                call
            }
        };
        if body.has_status_bar() && !matches!(to, NoticeTo::People(_)) {
            return Err(Error::Message(MessageProblem::Malformed {
                what: "a status bar for departments or everybody",
            }));
        }
        let sent: Sent = self.app.read(call.json(&ask), now_ms).await?;
        Ok(sent.task_id)
    }

    pub async fn progress(&self, task_id: i64, now_ms: i64) -> Result<NoticeProgress, Error> {
        let answer: Progress = self
            .app
            .read(self.about(&PROGRESS, task_id), now_ms)
            .await?;
        Ok(answer.progress)
    }

    /// Within 24 hours and for at most [`PEOPLE_WITH_RESULT`] receivers.
    pub async fn result(&self, task_id: i64, now_ms: i64) -> Result<NoticeResult, Error> {
        let answer: SendResult = self.app.read(self.about(&RESULT, task_id), now_ms).await?;
        Ok(answer.send_result)
    }

    /// Within 24 hours. (This interface calls the task `msg_task_id`.)
    pub async fn recall(&self, task_id: i64, now_ms: i64) -> Result<(), Error> {
        let call =
            Call::of(&RECALL).json(&json!({ "agent_id": self.agent_id, "msg_task_id": task_id }));
        undenied(&self.app.call(call, now_ms).await?)
    }

    /// Changes the status bar of an `oa` notice.
    pub async fn update_status_bar(
        &self,
        task_id: i64,
        status: &StatusBar,
        now_ms: i64,
    ) -> Result<(), Error> {
        let call = Call::of(&STATUS_BAR).json(&json!({
            "agent_id": self.agent_id, "task_id": task_id,
            "status_value": status.value, "status_bg": status.colour,
        }));
        undenied(&self.app.call(call, now_ms).await?)
    }

    fn about(&self, api: &'static Api, task_id: i64) -> Call<'static> {
        Call::of(api).json(&json!({ "agent_id": self.agent_id, "task_id": task_id }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn markdown(text: String) -> NoticeBody {
        NoticeBody::Markdown {
            title: "制度更新".into(),
            text,
        }
    }

    #[test]
    fn an_oa_notice_has_the_documented_shape() {
        let oa = OaNotice {
            message_url: "https://e/".into(),
            head_colour: "FFBBBBBB".into(),
            status: Some(StatusBar {
                value: "待确认".into(),
                colour: "0xFFF65E5E".into(),
            }),
            form: vec![("截止:".into(), "周五".into())],
            ..OaNotice::default()
        };
        assert_eq!(
            NoticeBody::Oa(Box::new(oa)).to_json(),
            json!({"msgtype":"oa","oa":{"message_url":"https://e/","head":{"bgcolor":"FFBBBBBB","text":""},
                "status_bar":{"status_value":"待确认","status_bg":"0xFFF65E5E"},
                "body":{"form":[{"key":"截止:","value":"周五"}]}}})
        );
    }

    #[test]
    fn a_card_with_one_button_is_a_whole_jump() {
        let button = |n: u8| Button {
            title: format!("b{n}"),
            url: "https://e/".into(),
        };
        let card = |buttons| {
            NoticeBody::ActionCard {
                title: "t".into(),
                markdown: "m".into(),
                buttons,
                orientation: Orientation::Horizontal,
            }
            .to_json()
        };
        assert_eq!(card(vec![button(1)])["action_card"]["single_title"], "b1");
        let two = card(vec![button(1), button(2)]);
        assert_eq!(two["action_card"]["btn_orientation"], "1");
        assert_eq!(
            two["action_card"]["btn_json_list"][1]["action_url"],
            "https://e/"
        );
    }

    #[test]
    fn what_cannot_fit_is_said() {
        let heavy = |text: String| NoticeBody::Link {
            title: "t".repeat(3000),
            text,
            message_url: String::new(),
            picture: String::new(),
        };
        assert_eq!(NoticeBody::fit("知", heavy), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_cut_text_fits_and_one_character_more_does_not(text in "[知\"\\\\a\n👩‍👧]{0,1500}") {
            let body = NoticeBody::fit(&text, markdown).unwrap();
            prop_assert!(body.fits());
            if let NoticeBody::Markdown { text: cut, .. } = &body
                && *cut != text
            {
                prop_assert!(cut.ends_with('…'));
                prop_assert!(body.encoded_len() + 40 > NOTICE_LIMIT_BYTES || text.trim_end().len() < text.len() || text.contains('\n'));
            }
        }
    }
}
