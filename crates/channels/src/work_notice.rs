//! Work notices (工作通知): up to a hundred people a call, 2,048 bytes, in the app's own conversation.
//!
//! Caller: the registry. Up to five people who are asked to confirm get the form with rows of facts and a status bar;
//! everybody else a card with one button.
//! Invariant: no two messages have the same words, since the platform silently drops what a person already got today.
//! Weakness: accepted is not delivered; only the result, within a day, tells whom the platform left out. There is no key
//! against repeats: a call whose answer was lost is repeated with the same words, which the platform then drops.
//! Sources: 异步发送工作通知, 工作通知消息类型, 获取工作通知消息的发送结果.

use std::sync::Arc;
use std::time::Duration;

use dingtalk::calls::work_notice::{
    NOTICE_LIMIT_BYTES, NoticeBody, NoticeResult, NoticeTo, OaNotice, PEOPLE_PER_NOTICE,
    PEOPLE_WITH_STATUS_BAR, StatusBar,
};
use dingtalk::{Button, Error, MessageProblem, Orientation};
use yuezhi_domain::{Language, UnixMillis};

use crate::app::DingTalkApp;
use crate::channel::{Channel, ChannelKind, Limits};
use crate::dingtalk_verdict::{self, READ_WINDOW};
use crate::markdown::{button_label, further_links, in_bytes, markdown, reference, title};
use crate::message::{Message, SentMessage, one_line};
use crate::outcome::{CheckReport, Outcome, ReadReport, Reader, Undelivered, Why};
use crate::personal::{self, Load, Way};
use crate::{codes, limits};

/// Rows that the form shows.
const ROWS: usize = 6;
/// `AARRGGBB` of the form's head, and of its status bar.
const HEAD_COLOUR: &str = "FF3370FF";
const STATUS_COLOUR: &str = "0xFFF5A623";
/// Why a person got nothing: too many today; the same text today; 高管保护.
const TOO_MANY_TODAY: i64 = 143_105;
const SAME_TEXT_TODAY: i64 = 143_106;
const PROTECTED: i64 = 1_430_004;

pub(crate) struct WorkNotice {
    app: Arc<DingTalkApp>,
    agent_id: i64,
    limits: Limits,
}

impl WorkNotice {
    /// `None` without an agent id.
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Option<Arc<dyn Channel>> {
        let agent_id = app.settings().agent_id?;
        Some(personal::lane(Self {
            app: Arc::clone(app),
            agent_id,
            limits: Limits {
                people_per_call: PEOPLE_PER_NOTICE,
                max_bytes: NOTICE_LIMIT_BYTES,
                read_checks: limits::WITHIN_A_DAY,
                ..limits::of(ChannelKind::WorkNotice, app)
            },
        }))
    }
}

impl Way for WorkNotice {
    const KIND: ChannelKind = ChannelKind::WorkNotice;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let body = body(load)?;
        if let Err(lane_for) = self
            .app
            .reserve_notice_recipients(load.people.len(), load.now)
        {
            return Ok(load.all(&minute_full(lane_for)));
        }
        let task = self
            .app
            .client()
            .work_notices(self.agent_id)
            .send(NoticeTo::People(&load.people), &body, load.now.get())
            .await?;
        Ok(load.sent(Some(task.to_string())))
    }

    async fn readers(&self, sent: &SentMessage, now: UnixMillis) -> Result<ReadReport, Error> {
        if now.since(sent.sent_at) >= READ_WINDOW {
            return Ok(limits::reads_over());
        }
        let Ok(task) = sent.platform_id.parse() else {
            return Ok(ReadReport::Unsupported);
        };
        let notices = self.app.client().work_notices(self.agent_id);
        Ok(report(notices.result(task, now.get()).await?))
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        let found = self
            .app
            .client()
            .probe()
            .agent_id(self.agent_id, now.get())
            .await;
        dingtalk_verdict::of_probe(found, now)
    }
}

fn minute_full(lane_for: Duration) -> Outcome {
    Outcome::Hold {
        lane_for,
        why: Why::new(codes::WORK_NOTICE_MINUTE_FULL, ""),
    }
}

fn body(load: &Load<'_>) -> Result<NoticeBody, Error> {
    let asks = load
        .message
        .matter
        .as_ref()
        .is_some_and(|matter| matter.wants_confirmation);
    let fitted = if load.url.is_empty() {
        as_markdown(load)
    } else if asks && load.people.len() <= PEOPLE_WITH_STATUS_BAR {
        as_form(load)
    } else {
        as_card(load)
    };
    fitted.ok_or(Error::Message(MessageProblem::TooLarge {
        what: "the work notice without its text",
        unit: "bytes",
        limit: NOTICE_LIMIT_BYTES,
        got: NOTICE_LIMIT_BYTES + 1,
    }))
}

fn as_card(load: &Load<'_>) -> Option<NoticeBody> {
    let message = load.message;
    let last = reference(&load.key, message.language);
    let long = markdown(message, further_links(message), None);
    NoticeBody::fit(&long, |text| NoticeBody::ActionCard {
        title: title(message),
        markdown: format!("{text}\n\n{last}"),
        buttons: vec![Button {
            title: button_label(message),
            url: load.url.to_owned(),
        }],
        orientation: Orientation::Vertical,
    })
}

fn as_markdown(load: &Load<'_>) -> Option<NoticeBody> {
    let message = load.message;
    let last = reference(&load.key, message.language);
    let long = markdown(message, further_links(message), None);
    NoticeBody::fit(&long, |text| NoticeBody::Markdown {
        title: title(message),
        text: format!("{text}\n\n{last}"),
    })
}

/// The status bar says what is asked for and not what has been done: it is the same for all and stays as it is.
fn as_form(load: &Load<'_>) -> Option<NoticeBody> {
    let message = load.message;
    let status = StatusBar {
        value: asked(message.language).to_owned(),
        colour: STATUS_COLOUR.to_owned(),
    };
    NoticeBody::fit(&one_line(&message.lead, 500), |content| {
        NoticeBody::Oa(Box::new(OaNotice {
            message_url: load.url.to_owned(),
            pc_message_url: Some(load.url.to_owned()),
            head_colour: HEAD_COLOUR.to_owned(),
            status: Some(status.clone()),
            title: Some(one_line(&message.title, 50)),
            form: rows(message),
            content: Some(content),
            author: Some(reference(&load.key, message.language)),
            ..OaNotice::default()
        }))
    })
}

fn rows(message: &Message) -> Vec<(String, String)> {
    message
        .facts
        .iter()
        .take(ROWS)
        .map(|fact| {
            let label = format!("{}:", one_line(&fact.label, 20));
            (label, in_bytes(&one_line(&fact.value, 60), 120))
        })
        .collect()
}

fn asked(language: Language) -> &'static str {
    match language {
        Language::ZhCn => "需要确认",
        Language::En => "Asks to confirm",
    }
}

fn report(result: NoticeResult) -> ReadReport {
    let mut undelivered: Vec<Undelivered> = Vec::new();
    let mut add = |user_id: String, code, detail: String| {
        if !undelivered
            .iter()
            .any(|known| known.dingtalk_user_id == user_id)
        {
            undelivered.push(Undelivered {
                dingtalk_user_id: user_id,
                why: Why::new(code, detail),
            });
        }
    };
    for person in result.forbidden {
        let code = match person.code {
            TOO_MANY_TODAY => codes::WORK_NOTICE_DAILY_LIMIT,
            SAME_TEXT_TODAY => codes::WORK_NOTICE_REPEATED,
            PROTECTED => codes::DINGTALK_PERSON_PROTECTED,
            _ => codes::WORK_NOTICE_FORBIDDEN,
        };
        add(person.user_id, code, person.code.to_string());
    }
    for (people, code) in [
        (result.forbidden_people, codes::WORK_NOTICE_FORBIDDEN),
        (result.invalid_people, codes::DINGTALK_PERSON_UNKNOWN),
        (result.failed_people, codes::WORK_NOTICE_NOT_DELIVERED),
    ] {
        for user_id in people {
            add(user_id, code, String::new());
        }
    }
    let readers = result
        .read_people
        .into_iter()
        .map(|dingtalk_user_id| Reader {
            dingtalk_user_id,
            at: None,
        })
        .collect();
    ReadReport::Readers {
        readers,
        undelivered,
    }
}
