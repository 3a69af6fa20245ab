//! Makes notification groups (通知群) on the platform and keeps their members in step.
//!
//! Caller: the server's worker `keep_groups`. Limits of the platform (people a call, people a group) are kept here, so
//! that callers name all who are meant. Invariant: [`Changed`] tells of each person whether the platform took them; one
//! that it refuses does not keep the others out.
//! Weakness: a plain group has no key against repeats: an answer lost while making one leaves a second group behind,
//! a scene group (场景群) does not. Only groups made by this app can be changed.
//! Source: 创建群会话, 更新群会话, 创建场景群, 新增场景群成员, 查询群会话, 转换chatId为openConversationId.

use std::time::Duration;

use dingtalk::calls::groups::{
    GroupChange, MEMBERS_LIMIT, MEMBERS_PER_CALL, NAME_LIMIT_CHARS, NewGroup, NewSceneGroup,
    SCENE_MEMBERS_AT_START, SCENE_MEMBERS_PER_CALL, SceneGroupChange, TITLE_LIMIT_CHARS,
};
use dingtalk::{Error, Misconfiguration, Reason, Verdict};
use thiserror::Error as ThisError;
use tokio::time::Instant;
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::dingtalk_verdict;
use crate::message::one_line;
use crate::outcome::Why;

/// People of one group. Larger audiences need several groups, for example one per department.
pub const GROUP_LIMIT: usize = MEMBERS_LIMIT;

/// A group to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupToMake {
    /// Cut to the platform's 20 characters (30 in a scene group).
    pub title: String,
    pub owner_user_id: String,
    /// With or without the owner; at most [`GROUP_LIMIT`].
    pub member_user_ids: Vec<String>,
    /// A scene group by this template; `None`: a plain internal group.
    pub scene_template_id: Option<String>,
    /// The same for every attempt: a scene group is made once per key.
    pub key: String,
}

/// A group that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMade {
    pub group: GroupAt,
    /// Who is in it, and who was refused.
    pub members: Changed,
}

/// How the platform knows a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupAt {
    pub open_conversation_id: String,
    /// Plain groups are changed by it.
    pub chat_id: Option<String>,
    pub is_scene: bool,
}

/// What became of a change of members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    pub done: Vec<String>,
    pub refused: Vec<(String, Why)>,
    /// Why the rest was not tried; the next comparison does it.
    pub stopped: Option<GroupError>,
}

/// Why a group cannot be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum GroupError {
    /// The owner, or whoever is named, lies outside what the app may see (应用可见范围).
    #[error("{0}")]
    OutsideScope(Why),
    #[error("a group takes {limit} people, {wanted} are meant; make one group per department")]
    Full { limit: usize, wanted: usize },
    /// Disbanded, or the robot is not in it.
    #[error("{0}")]
    Gone(Why),
    /// Not made by this app, so it cannot change the members or the title.
    #[error("this group was not made by the app; its members are kept by hand")]
    NotMadeHere,
    /// Again after a while.
    #[error("{why}")]
    Later { after: Option<Duration>, why: Why },
    /// An administrator has to act: permission, template, address list, quota.
    #[error("{0}")]
    Misconfigured(Why),
    /// The platform does not take this title, template or person.
    #[error("{0}")]
    Refused(Why),
}

/// Makes the group, puts everybody in, then the robot.
pub async fn create(
    app: &DingTalkApp,
    new: &GroupToMake,
    now: UnixMillis,
) -> Result<GroupMade, GroupError> {
    let mut members = vec![new.owner_user_id.clone()];
    for user_id in &new.member_user_ids {
        if !members.contains(user_id) {
            members.push(user_id.clone());
        }
    }
    if members.len() > GROUP_LIMIT {
        return Err(GroupError::Full {
            limit: GROUP_LIMIT,
            wanted: members.len(),
        });
    }
    let first = match new.scene_template_id {
        Some(_) => SCENE_MEMBERS_AT_START,
        None => MEMBERS_PER_CALL,
    };
    let (now_in, rest) = members.split_at(members.len().min(first));
    let (group, mut changed) = match make(app, new, now_in, now).await {
        Ok(group) => (
            group,
            Changed {
                done: now_in.to_vec(),
                ..Changed::default()
            },
        ),
        // Somebody among them is refused: begin with the owner alone, the others one chunk after the other.
        Err(GroupError::Refused(_) | GroupError::OutsideScope(_)) if now_in.len() > 1 => {
            let owner = &now_in[..1];
            let group = make(app, new, owner, now).await?;
            let mut changed = add(app, &group, &now_in[1..], now).await;
            changed.done.insert(0, new.owner_user_id.clone());
            (group, changed)
        }
        Err(error) => return Err(error),
    };
    if changed.stopped.is_none() {
        changed.absorb(add(app, &group, rest, now).await);
    }
    Ok(GroupMade {
        group,
        members: changed,
    })
}

async fn make(
    app: &DingTalkApp,
    new: &GroupToMake,
    members: &[String],
    now: UnixMillis,
) -> Result<GroupAt, GroupError> {
    let groups = app.client().groups();
    let made = match &new.scene_template_id {
        Some(template_id) => {
            let scene = NewSceneGroup {
                title: one_line(&new.title, TITLE_LIMIT_CHARS),
                template_id: template_id.clone(),
                owner_user_id: new.owner_user_id.clone(),
                member_user_ids: members.to_vec(),
                administrator_user_ids: Vec::new(),
                uuid: new.key.clone(),
            };
            groups.create_scene(&scene, now.get()).await
        }
        None => {
            let plain = NewGroup {
                name: one_line(&new.title, NAME_LIMIT_CHARS),
                owner_user_id: new.owner_user_id.clone(),
                member_user_ids: members.to_vec(),
                rules: None,
            };
            groups.create(&plain, now.get()).await
        }
    };
    let made = made.map_err(|error| GroupError::of(&error, now))?;
    Ok(GroupAt {
        open_conversation_id: made.open_conversation_id,
        chat_id: Some(made.chat_id).filter(|id| !id.is_empty()),
        is_scene: new.scene_template_id.is_some(),
    })
}

/// Changes title and owner; `None` leaves them.
pub async fn update(
    app: &DingTalkApp,
    group: &GroupAt,
    title: Option<&str>,
    owner_user_id: Option<&str>,
    now: UnixMillis,
) -> Result<(), GroupError> {
    if title.is_none() && owner_user_id.is_none() {
        return Ok(());
    }
    let groups = app.client().groups();
    let owner_user_id = owner_user_id.map(ToOwned::to_owned);
    let changed = if group.is_scene {
        let change = SceneGroupChange {
            title: title.map(|title| one_line(title, TITLE_LIMIT_CHARS)),
            owner_user_id,
        };
        groups
            .update_scene(&group.open_conversation_id, &change, now.get())
            .await
    } else {
        let change = GroupChange {
            name: title.map(|title| one_line(title, NAME_LIMIT_CHARS)),
            owner_user_id,
            ..GroupChange::default()
        };
        groups.update(group.changeable()?, &change, now.get()).await
    };
    changed.map_err(|error| GroupError::of(&error, now))
}

/// Puts people in, in as few calls as the platform allows; who is in it already stays.
pub async fn add(
    app: &DingTalkApp,
    group: &GroupAt,
    user_ids: &[String],
    now: UnixMillis,
) -> Changed {
    change(app, group, user_ids, Direction::In, now).await
}

/// Takes people out.
pub async fn remove(
    app: &DingTalkApp,
    group: &GroupAt,
    user_ids: &[String],
    now: UnixMillis,
) -> Changed {
    change(app, group, user_ids, Direction::Out, now).await
}

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

/// So many people refused one after the other: it is hardly about the people, and every call is metered.
const REFUSED_IN_A_ROW: usize = 8;

/// A chunk that is refused is halved until the refused person stands alone; where one after the other is refused, the
/// rest of the chunk is not halved any more. Later chunks are, once anybody was taken.
async fn change(
    app: &DingTalkApp,
    group: &GroupAt,
    user_ids: &[String],
    direction: Direction,
    now: UnixMillis,
) -> Changed {
    let per_call = if group.is_scene {
        SCENE_MEMBERS_PER_CALL
    } else {
        MEMBERS_PER_CALL
    };
    let mut changed = Changed::default();
    let mut in_a_row = 0;
    // By the timer that the pauses between calls use, so that each waits for its own turn only.
    let began = Instant::now();
    for whole in user_ids.chunks(per_call) {
        if !changed.done.is_empty() {
            in_a_row = 0;
        }
        let mut waiting = vec![whole];
        while let Some(chunk) = waiting.pop() {
            let now = now.plus(began.elapsed());
            match change_once(app, group, chunk, direction, now).await {
                Ok(()) => {
                    in_a_row = 0;
                    changed.done.extend_from_slice(chunk);
                }
                Err(GroupError::Refused(_) | GroupError::OutsideScope(_))
                    if chunk.len() > 1 && in_a_row < REFUSED_IN_A_ROW =>
                {
                    let (one, other) = chunk.split_at(chunk.len() / 2);
                    waiting.extend([other, one]);
                }
                Err(GroupError::Refused(why) | GroupError::OutsideScope(why)) => {
                    in_a_row += chunk.len();
                    let refused = chunk.iter().map(|one| (one.clone(), why.clone()));
                    changed.refused.extend(refused);
                }
                Err(error) => {
                    changed.stopped = Some(error);
                    return changed;
                }
            }
        }
    }
    changed
}

async fn change_once(
    app: &DingTalkApp,
    group: &GroupAt,
    user_ids: &[String],
    direction: Direction,
    now: UnixMillis,
) -> Result<(), GroupError> {
    let groups = app.client().groups();
    let id = &group.open_conversation_id;
    let changed = match (group.is_scene, direction) {
        (true, Direction::In) => groups.add_to_scene(id, user_ids, now.get()).await,
        (true, Direction::Out) => groups.remove_from_scene(id, user_ids, now.get()).await,
        (false, direction) => {
            let mut change = GroupChange::default();
            match direction {
                Direction::In => change.add_user_ids = user_ids.to_vec(),
                Direction::Out => change.remove_user_ids = user_ids.to_vec(),
            }
            groups.update(group.changeable()?, &change, now.get()).await
        }
    };
    changed.map_err(|error| GroupError::of(&error, now))
}

/// Who is in the group, as the platform has it.
pub async fn members(
    app: &DingTalkApp,
    group: &GroupAt,
    now: UnixMillis,
) -> Result<Vec<String>, GroupError> {
    let groups = app.client().groups();
    if !group.is_scene {
        let shown = groups
            .get(group.changeable()?, now.get())
            .await
            .map_err(|error| GroupError::of(&error, now))?;
        if shown.status == DISBANDED {
            return Err(GroupError::Gone(Why::new(
                crate::codes::GROUP_GONE,
                shown.name,
            )));
        }
        return Ok(shown.member_user_ids);
    }
    let mut members = Vec::new();
    let mut token: Option<String> = None;
    // A group has at most a thousand; the bound is for a platform that turns in circles.
    for _ in 0..MEMBERS_LIMIT / MEMBERS_PER_PAGE * 4 {
        let page = groups
            .members_of_scene(
                &group.open_conversation_id,
                MEMBERS_PER_PAGE as u32,
                token.as_deref(),
                now.get(),
            )
            .await
            .map_err(|error| GroupError::of(&error, now))?;
        members.extend(page.member_user_ids);
        token = page.next_token.filter(|next| !next.is_empty());
        if !page.has_more || token.is_none() {
            break;
        }
    }
    Ok(members)
}

/// `status` of chat/get.
const DISBANDED: i64 = 2;
const MEMBERS_PER_PAGE: usize = 100;

/// Puts the app's robot into the group unless it is there. The call is in the platform's SDK only; where it is refused,
/// somebody adds the robot by hand (群设置 > 机器人).
pub async fn add_robot(
    app: &DingTalkApp,
    open_conversation_id: &str,
    now: UnixMillis,
) -> Result<(), GroupError> {
    if has_robot(app, open_conversation_id, now)
        .await
        .unwrap_or(false)
    {
        return Ok(());
    }
    app.client()
        .robot(app.robot_code())
        .join_group(open_conversation_id, now.get())
        .await
        .map_err(|error| GroupError::of(&error, now))
}

/// Whether the app's robot is in the group.
pub async fn has_robot(
    app: &DingTalkApp,
    open_conversation_id: &str,
    now: UnixMillis,
) -> Result<bool, GroupError> {
    let robots = app
        .client()
        .robot(app.robot_code())
        .robots_in_group(open_conversation_id, now.get())
        .await
        .map_err(|error| GroupError::of(&error, now))?;
    Ok(robots
        .iter()
        .any(|robot| robot.robot_code == app.robot_code()))
}

/// The id that messages need, of a chatId that JSAPI or an older program gave.
pub async fn open_conversation_id(
    app: &DingTalkApp,
    chat_id: &str,
    now: UnixMillis,
) -> Result<String, GroupError> {
    let id = app
        .client()
        .groups()
        .open_conversation_id(chat_id.trim(), now.get())
        .await
        .map_err(|error| GroupError::of(&error, now))?;
    if id.is_empty() {
        return Err(GroupError::Gone(Why::new(
            crate::codes::GROUP_GONE,
            chat_id,
        )));
    }
    Ok(id)
}

impl GroupAt {
    fn changeable(&self) -> Result<&str, GroupError> {
        self.chat_id.as_deref().ok_or(GroupError::NotMadeHere)
    }
}

impl Changed {
    fn absorb(&mut self, later: Self) {
        self.done.extend(later.done);
        self.refused.extend(later.refused);
        self.stopped = later.stopped;
    }
}

impl GroupError {
    fn of(error: &Error, now: UnixMillis) -> Self {
        let why = dingtalk_verdict::why_of(error, now);
        match error.verdict_at(now.get()) {
            Verdict::Misconfigured(Misconfiguration::OutsideScope) => Self::OutsideScope(why),
            _ if error.reason() == Some(Reason::TooManyPeople) => Self::Full {
                limit: GROUP_LIMIT,
                wanted: GROUP_LIMIT + 1,
            },
            Verdict::TargetGone => Self::Gone(Why {
                code: crate::codes::GROUP_GONE,
                ..why
            }),
            _ if error.reason() == Some(Reason::TemplateUnavailable) => Self::Misconfigured(Why {
                code: crate::codes::GROUP_TEMPLATE_UNAVAILABLE,
                ..why
            }),
            Verdict::Retry { after, .. } => Self::Later { after, why },
            Verdict::Hold { for_ } => Self::Later {
                after: Some(for_),
                why,
            },
            Verdict::ContentRefused(_)
            | Verdict::RecipientUnknown
            | Verdict::RecipientLimited
            | Verdict::LoginCodeInvalid => Self::Refused(why),
            Verdict::PermissionMissing { .. }
            | Verdict::QuotaUsedUp
            | Verdict::IpNotAllowed { .. }
            | Verdict::Misconfigured(_) => Self::Misconfigured(why),
        }
    }

    /// A stable code and the platform's words, for the group's row.
    pub fn why(&self) -> Why {
        match self {
            Self::OutsideScope(why)
            | Self::Gone(why)
            | Self::Misconfigured(why)
            | Self::Refused(why)
            | Self::Later { why, .. } => why.clone(),
            Self::Full { .. } => Why::new(crate::codes::GROUP_FULL, self.to_string()),
            Self::NotMadeHere => Why::new(crate::codes::GROUP_NOT_MADE_HERE, ""),
        }
    }
}
