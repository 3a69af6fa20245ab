//! The DingTalk app on the connections page: what is configured, whether Stream is connected, its channels.

use yuezhi_channels::{ChannelKind, stream::LinkProblemKind};
use yuezhi_store::lanes::Lane;

use super::{State, state};
use crate::{
    console::{session::SignedIn, ui::Markup, words},
    texts::Texts,
};

/// What the page shows of the app.
pub(super) struct AppFacts {
    /// Name of the key, its value, what it is for.
    pub(super) keys: Vec<(&'static str, Option<String>, String)>,
    pub(super) stream: Option<Stream>,
    pub(super) lanes: Vec<AppLane>,
}

/// The Stream connection of this node.
pub(super) struct Stream {
    pub(super) kind: &'static str,
    pub(super) word: String,
    pub(super) since: Option<Markup>,
    pub(super) last: Option<Markup>,
    pub(super) counts: String,
    pub(super) problem: Option<String>,
}

/// A channel that goes through the app.
pub(super) struct AppLane {
    pub(super) name: String,
    pub(super) lane: String,
    pub(super) proves: String,
    pub(super) state: State,
}

/// `None` where no app is configured.
pub(super) fn facts(me: &SignedIn, lane_rows: &[Lane]) -> Option<AppFacts> {
    let config = &me.app.config.dingtalk;
    let client_id = config.client_id.clone()?;
    let key = |name: &'static str, value: Option<String>| {
        (name, value, me.t.of_value("setup.app_key", name))
    };
    let robot_code = config
        .robot_code
        .clone()
        .or_else(|| Some(client_id.clone()));
    Some(AppFacts {
        keys: vec![
            key("client_id", Some(client_id)),
            key("agent_id", config.agent_id.map(|id| id.to_string())),
            key("robot_code", robot_code),
            key("card_template_id", config.card_template_id.clone()),
            key("operator_user_id", config.operator_user_id.clone()),
        ],
        stream: stream(me),
        lanes: lanes(me, lane_rows),
    })
}

fn stream(me: &SignedIn) -> Option<Stream> {
    let status = me.app.stream_status()?;
    let (kind, key) = if status.is_connected() {
        ("ok", "setup.stream.connected")
    } else {
        ("bad", "setup.stream.down")
    };
    let tell = me.teller();
    let problem = status
        .last_error
        .as_ref()
        .filter(|_| !status.is_connected())
        .map(|problem| {
            let kind = match problem.kind {
                LinkProblemKind::KeysRefused => "setup.stream.keys_refused",
                LinkProblemKind::Unreachable => "setup.stream.unreachable",
                LinkProblemKind::Lost => "setup.stream.lost",
                LinkProblemKind::Unreadable => "setup.stream.unreadable",
            };
            format!("{} ({})", me.t.get(kind), problem.detail)
        })
        .or_else(|| {
            status
                .over_quota_at
                .map(|at| me.t.with("setup.stream.over_quota", "at", tell.text(at)))
        });
    Some(Stream {
        kind,
        word: me.t.get(key).to_owned(),
        since: status.connected_since.map(|at| tell.ago(at)),
        last: status.last_push.map(|at| tell.ago(at)),
        counts: me.t.with2(
            "setup.stream.counts",
            "handled",
            status.handled,
            "reconnects",
            status.reconnects,
        ),
        problem,
    })
}

fn lanes(me: &SignedIn, lane_rows: &[Lane]) -> Vec<AppLane> {
    me.app
        .channels()
        .lanes()
        .filter(|channel| !matches!(channel.kind(), ChannelKind::Robot | ChannelKind::Mail))
        .map(|channel| {
            let lane = channel.lane();
            AppLane {
                name: name(me.t, lane),
                lane: lane.to_owned(),
                proves: me.t.of_value("setup.proves", channel.kind().as_str()),
                state: state(me, lane_rows.iter().find(|row| row.name == lane)),
            }
        })
        .collect()
}

/// The lane's word; a group's message with what it is.
fn name(t: Texts, lane: &str) -> String {
    if lane.starts_with("group:") {
        format!("{} · {}", words::lane(t, lane), words::lane_kind(t, lane))
    } else {
        words::lane(t, lane)
    }
}
