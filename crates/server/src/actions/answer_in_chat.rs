//! A person acts in the chat: presses the button of a card, or writes to the robot.
//!
//! Called by the Stream worker and the HTTP callback. Invariants: a confirmation goes through [`confirm_reading`], so it
//! is one act and one receipt wherever it came from; a reply confirms only what is certain: the one thing that waits, or
//! the one that was named by its number, which never means another notice later; a repeated message is not answered twice.
//! Weakness: the chat shows a summary; whether the person had opened the text stands in the receipt's detail.

use yuezhi_domain::{
    Language, NoticeId, NoticeState, ObligationState, ReceiptSource, Requirement, UnixMillis,
};
use yuezhi_store::{inbound_events, notices, obligations, people, versions};

use super::{
    ActionError,
    confirm_reading::{self, Confirmation, Confirmed},
};
use crate::app::App;

/// Somebody pressed the confirming button of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardClick {
    pub dingtalk_user_id: String,
    /// Which notice the card is about.
    pub notice_id: NoticeId,
    /// The platform's name of the card, for the receipt.
    pub out_track_id: String,
    /// The platform's name of the click, for the receipt.
    pub event_id: String,
}

/// Somebody wrote to the robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub dingtalk_user_id: String,
    pub text: String,
    /// The platform's name of the message.
    pub message_id: String,
    /// Written in a group, where others read the answer.
    pub in_group: bool,
}

/// What to say to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatAnswer {
    pub language: Language,
    pub what: Said,
}

/// The answer's content; `messages::chat` words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Confirmed {
        title: String,
        at: UnixMillis,
        /// Still waiting for this person.
        left: usize,
    },
    Already {
        title: String,
        at: UnixMillis,
    },
    /// Several wait: which one is meant?
    Which(Vec<Waiting>),
    /// What this person owes, asked for or in place of an answer that would disclose it to a group.
    Owed(Vec<Waiting>),
    NothingOwed,
    /// The number means nothing that this person owes.
    NotOwed {
        number: i64,
    },
    /// A confirmation is not taken any more; a code of `errors`.
    Refused {
        code: String,
    },
    /// The person is not in the directory here.
    Stranger,
    Help,
}

/// Something that waits for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Names the notice in a reply, for good.
    pub number: i64,
    pub notice_id: NoticeId,
    pub title: String,
    pub due_at: Option<UnixMillis>,
    pub wants_confirmation: bool,
}

/// Confirms by the button of a card.
pub async fn press(app: &App, click: CardClick) -> Result<ChatAnswer, ActionError> {
    let (user_id, notice_id) = (click.dingtalk_user_id.clone(), click.notice_id);
    let found = app
        .db
        .read(move |tx| {
            let person = people::by_dingtalk_user_id(tx, &user_id)?;
            let notice = notices::by_id(tx, &notice_id)?;
            Ok::<_, ActionError>((person, notice))
        })
        .await?;
    let (Some(person), Some(notice)) = found else {
        return Ok(ChatAnswer {
            language: app.language,
            what: Said::Stranger,
        });
    };
    let language = language_of(app, &person);
    let detail = serde_json::json!({
        "identified": "dingtalk", "card": click.out_track_id, "event": click.event_id,
    });
    let what = confirm(
        app,
        notice.no,
        &notice.title,
        person.no,
        language,
        ReceiptSource::ChatCard,
        detail,
    )
    .await?;
    Ok(ChatAnswer { language, what })
}

/// Understands a reply and answers it; `None`: it was answered before.
pub async fn reply(app: &App, reply: Reply) -> Result<Option<ChatAnswer>, ActionError> {
    let now = app.now();
    let (user_id, message_id) = (reply.dingtalk_user_id.clone(), reply.message_id.clone());
    let (first, person, owed) = app
        .db
        .write(move |tx| {
            let first = inbound_events::first_time(tx, &message_id, "reply", now)?;
            let person = people::by_dingtalk_user_id(tx, &user_id)?;
            let owed = match &person {
                Some(person) => waiting(tx, person.no)?,
                None => Vec::new(),
            };
            Ok::<_, ActionError>((first, person, owed))
        })
        .await?;
    if !first {
        return Ok(None);
    }
    let Some(person) = person else {
        return Ok(Some(ChatAnswer {
            language: app.language,
            what: Said::Stranger,
        }));
    };
    let language = language_of(app, &person);
    let confirmable: Vec<&Waiting> = owed.iter().filter(|one| one.wants_confirmation).collect();
    let what = match (Meaning::of(&reply.text), confirmable.as_slice()) {
        (Meaning::Confirm(None), []) if owed.is_empty() => Said::NothingOwed,
        (Meaning::Confirm(None), []) | (Meaning::List, _) if !owed.is_empty() => Said::Owed(owed),
        (Meaning::List, _) => Said::NothingOwed,
        (Meaning::Confirm(None), [only]) => {
            confirm_reply(app, only, &person, language, &reply).await?
        }
        (Meaning::Confirm(None), _) => Said::Which(confirmable.into_iter().cloned().collect()),
        (Meaning::Confirm(Some(number)), _) => match owed.iter().find(|one| one.number == number) {
            Some(one) => confirm_reply(app, one, &person, language, &reply).await?,
            None => Said::NotOwed { number },
        },
        (Meaning::Help, _) => Said::Help,
    };
    Ok(Some(ChatAnswer { language, what }))
}

async fn confirm_reply(
    app: &App,
    waiting: &Waiting,
    person: &people::Person,
    language: Language,
    reply: &Reply,
) -> Result<Said, ActionError> {
    let detail = serde_json::json!({
        "identified": "dingtalk", "message": reply.message_id, "group": reply.in_group,
        "words": reply.text.chars().take(40).collect::<String>(),
    });
    confirm(
        app,
        waiting.number,
        &waiting.title,
        person.no,
        language,
        ReceiptSource::ChatReply,
        detail,
    )
    .await
}

async fn confirm(
    app: &App,
    notice_no: i64,
    title: &str,
    person_no: i64,
    language: Language,
    source: ReceiptSource,
    mut detail: serde_json::Value,
) -> Result<Said, ActionError> {
    let shown = app
        .db
        .read(move |tx| {
            let Some(notice) = notices::get(tx, notice_no)? else {
                return Ok(None);
            };
            let version = versions::get(tx, notice.version_no)?;
            let opened = obligations::get(tx, notice_no, person_no)?
                .is_some_and(|obligation| obligation.opened_at.is_some());
            Ok::<_, ActionError>(version.map(|version| {
                (
                    version.text_hash.to_string(),
                    notice.consent_hash.to_string(),
                    opened,
                )
            }))
        })
        .await?;
    let Some((text_hash, consent_hash, opened)) = shown else {
        return Ok(Said::Refused {
            code: "notice_unknown".to_owned(),
        });
    };
    detail["text_opened_before"] = opened.into();
    let confirmed = confirm_reading::confirm(
        app,
        Confirmation {
            notice_no,
            person_no,
            source,
            language,
            text_hash,
            consent_hash,
            detail: detail.to_string(),
        },
    )
    .await;
    let title = title.to_owned();
    match confirmed {
        Ok(Confirmed::Now { at }) => {
            let left = app
                .db
                .read(move |tx| Ok::<_, ActionError>(waiting(tx, person_no)?.len()))
                .await?;
            Ok(Said::Confirmed { title, at, left })
        }
        Ok(Confirmed::Already { at }) => Ok(Said::Already { title, at }),
        Err(ActionError::Refused(refusal)) => Ok(Said::Refused { code: refusal.code }),
        Err(error) => Err(error),
    }
}

fn language_of(app: &App, person: &people::Person) -> Language {
    person
        .language
        .as_deref()
        .and_then(crate::texts::parse_language)
        .unwrap_or(app.language)
}

/// What waits for the person, the oldest first.
fn waiting(
    tx: &mut yuezhi_store::Tx<'_>,
    person_no: i64,
) -> Result<Vec<Waiting>, yuezhi_store::StoreError> {
    const MOST: usize = 500;
    let all = obligations::of_person(tx, person_no, MOST)?;
    let mut waiting: Vec<Waiting> = all
        .into_iter()
        .filter(|one| {
            one.state == ObligationState::Pending
                && matches!(one.notice_state, NoticeState::Open | NoticeState::Expanding)
        })
        .map(|one| Waiting {
            number: one.notice_no,
            notice_id: one.notice_id,
            title: one.title,
            due_at: one.due_at,
            wants_confirmation: one.requirement == Requirement::Confirm,
        })
        .collect();
    waiting.sort_by_key(|one| one.number);
    Ok(waiting)
}

/// What a reply means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// 「确认」, with the number of a notice.
    Confirm(Option<i64>),
    /// 「待办」
    List,
    Help,
}

impl Meaning {
    /// Only short, unmistakable words confirm: "确认一下时间" does not.
    fn of(text: &str) -> Self {
        let text: String = text
            .trim()
            .trim_end_matches(['。', '.', '!', '！', '~'])
            .to_lowercase();
        let words = text.trim_matches(['「', '」', '"', '“', '”']);
        let (head, number) = split_number(words);
        match head {
            "确认"
            | "已确认"
            | "我确认"
            | "我已阅读"
            | "我已阅读并理解"
            | "已阅读"
            | "confirm"
            | "confirmed"
            | "i confirm" => Self::Confirm(number),
            "" if number.is_some() => Self::Confirm(number),
            "待办" | "待签收" | "我的" | "清单" | "list" | "todo" | "my" => Self::List,
            _ => Self::Help,
        }
    }
}

fn split_number(words: &str) -> (&str, Option<i64>) {
    let digits = words.chars().rev().take_while(char::is_ascii_digit).count();
    if digits == 0 || digits > 15 {
        return (words, None);
    }
    let cut = words.len() - digits;
    match (words.get(..cut), words.get(cut..).map(str::parse)) {
        (Some(head), Some(Ok(number))) => (
            head.trim_end_matches(['#', ' ', '\u{3000}', '：', ':']),
            Some(number),
        ),
        _ => (words, None),
    }
}

#[cfg(test)]
mod tests {
    use super::Meaning;

    #[test]
    fn only_unmistakable_words_confirm() {
        for (text, meaning) in [
            ("确认", Meaning::Confirm(None)),
            (" 确认。", Meaning::Confirm(None)),
            ("「确认」", Meaning::Confirm(None)),
            ("确认 12", Meaning::Confirm(Some(12))),
            ("确认#12", Meaning::Confirm(Some(12))),
            ("12", Meaning::Confirm(Some(12))),
            ("Confirm 7", Meaning::Confirm(Some(7))),
            ("我已阅读并理解！", Meaning::Confirm(None)),
            ("待办", Meaning::List),
            ("确认一下时间", Meaning::Help),
            ("不确认", Meaning::Help),
            ("什么时候开始？", Meaning::Help),
            ("", Meaning::Help),
        ] {
            assert_eq!(Meaning::of(text), meaning, "{text}");
        }
    }
}
