//! A DingTalk (钉钉) client that stands on its own: custom group robots, every REST call a program
//! needs on both hosts, Stream mode, callbacks, browser login. It knows nothing of the program
//! around it.
//!
//! Who calls it: a channel hands a [`RobotMessage`] to [`Robot::send`]; an [`App`] makes the typed
//! calls of [`calls`], one file per area, and any other interface through [`App::call`].
//! One [`Http`] serves hundreds of robots and apps.
//!
//! Invariant: an answer of HTTP 200 is a success only if its body says so; no error ever
//! shows an access token, a signature or a secret; the time is always an argument (`now_ms`).
//!
//! Weakness: the classification of refusals ([`Error::verdict`]) rests on documents and field
//! reports; an error code nobody has seen yet counts as worth a retry.
//!
//! # An app, paced and metered
//! ```no_run
//! use std::sync::Arc;
//! use dingtalk::{App, AppConfig, CallReport, Endpoints, Http, Pacer, Timeouts};
//! # fn main() -> Result<(), dingtalk::Error> {
//! let app = App::new(
//!     Http::new(Timeouts::default())?,
//!     Endpoints::default(),
//!     AppConfig::new("dingclientid", "the client secret"),
//! )
//! .paced(Arc::new(Pacer::default()))
//! .observed(Arc::new(|report: &CallReport<'_>| {
//!     if report.counts() {
//!         println!("one metered call of {}", report.api.name);
//!     }
//! }));
//! # Ok(()) }
//! ```
//!
//! # What to do about an error
//! ```no_run
//! # fn example(error: dingtalk::Error, now_ms: i64) {
//! use dingtalk::{Reason, Verdict};
//! match error.verdict_at(now_ms) {
//!     Verdict::Retry { after, maybe_delivered } => println!("again after {after:?}, twice: {maybe_delivered}"),
//!     Verdict::Hold { for_ } => println!("nothing for {for_:?}"),
//!     Verdict::PermissionMissing { scopes, apply_url } => println!("{scopes:?}: {apply_url:?}"),
//!     other if error.reason() == Some(Reason::NotFound) => println!("gone: {other:?}"),
//!     other => println!("{other:?}"),
//! }
//! # }
//! ```
//!
//! # Messages to people and groups, DING
//! ```no_run
//! # async fn example(app: dingtalk::App, now_ms: i64) -> Result<(), dingtalk::Error> {
//! use dingtalk::{AppMessage, calls::ding::DingBy};
//! let message = AppMessage::Markdown { title: "制度更新".into(), text: "**考勤制度** 第三版".into() };
//! let robot = app.robot("dingclientid");
//! let sent = robot.send_to_people(&["manager1"], &message, now_ms).await?;
//! println!("{:?}", sent.of("manager1"));
//! let reads = robot.people_reads(&sent.process_query_key, now_ms).await?;
//! println!("{} asked for", reads.people.len());
//! robot.send_to_group("cid…==", &message, now_ms).await?;
//! robot.ding(DingBy::App, &["manager1"], "请阅读", now_ms).await?;
//! # Ok(()) }
//! ```
//!
//! # Work notices and cards
//! ```no_run
//! # async fn example(app: dingtalk::App, card: dingtalk::calls::cards::NewCard, now_ms: i64) -> Result<(), dingtalk::Error> {
//! use dingtalk::calls::{cards::CardChange, work_notice::{NoticeBody, NoticeTo}};
//! let long = "正文".repeat(2000);
//! let body = NoticeBody::fit(&long, |text| NoticeBody::Markdown { title: "制度".into(), text })
//!     .expect("a title this short leaves room");
//! let task = app.work_notices(123_456).send(NoticeTo::People(&["u1", "u2"]), &body, now_ms).await?;
//! println!("{:?}", app.work_notices(123_456).result(task, now_ms).await?.read_people);
//!
//! app.cards().create(&card, now_ms).await?;
//! let change = CardChange { data: [("state".into(), "已确认".into())].into(), ..CardChange::default() };
//! app.cards().update(&card.out_track_id, &change, now_ms).await?;
//! # Ok(()) }
//! ```
//!
//! # Announcements, groups, to-dos
//! ```no_run
//! # async fn example(app: dingtalk::App, now_ms: i64) -> Result<(), dingtalk::Error> {
//! use dingtalk::calls::{blackboard::*, group_blackboard::NewGroupNotice, groups::NewGroup, todo::NewTodo};
//! let receivers = AnnouncementTo { departments: vec![WHOLE_ORGANISATION], people: vec![] };
//! let new = NewAnnouncement { title: "制度".into(), content: "…".into(), receivers, ..Default::default() };
//! app.announcements("admin").create(&new, now_ms).await?;
//! let group = app.groups().create(&NewGroup { name: "制度通知".into(), owner_user_id: "u1".into(), ..Default::default() }, now_ms).await?;
//! let notice = NewGroupNotice { content: "…".into(), unique_id: "n1".into(), ..Default::default() };
//! app.group_notices(&group.open_conversation_id, "u1").create(&notice, now_ms).await?;
//! let todo = NewTodo { subject: "请阅读".into(), source_id: "n1".into(), app_url: "https://e/".into(), pc_url: "https://e/".into(), ..Default::default() };
//! app.todos("creatorUnionId").create(&todo, now_ms).await?;
//! # Ok(()) }
//! ```
//!
//! # Directory, login, files
//! ```no_run
//! # async fn example(app: dingtalk::App, pdf: bytes::Bytes, now_ms: i64) -> Result<(), dingtalk::Error> {
//! use dingtalk::calls::{drive::{FilePlace, OnConflict, ROOT_FOLDER}, media::MediaKind};
//! let page = app.directory().people(1, 0, now_ms).await?;
//! println!("{} people, more: {}", page.list.len(), page.has_more);
//! let visitor = app.inside_visitor("code from dd.requestAuthCode", now_ms).await?;
//! println!("{}", visitor.user_id);
//! let media_id = app.upload_media(MediaKind::File, "制度.pdf", pdf.clone(), now_ms).await?;
//! println!("{media_id}");
//! let drive = app.drive("operatorUnionId");
//! let space = drive.group_space("cid…==", now_ms).await?;
//! let place = FilePlace { space_id: &space, parent_id: ROOT_FOLDER, name: "制度.pdf", on_conflict: OnConflict::Overwrite };
//! let file = drive.upload(place, pdf, now_ms).await?;
//! drive.link_to_group(&space, &file.id, "cid…==", now_ms).await?;
//! # Ok(()) }
//! ```
//!
//! # A doctor, and an interface this crate has no method for
//! ```no_run
//! # async fn example(app: dingtalk::App, now_ms: i64) -> Result<(), dingtalk::Error> {
//! use dingtalk::{Api, Call, probe::ProbeAs};
//! println!("{:?} {:?}", app.probe().token(now_ms).await, app.probe().agent_id(123_456, now_ms).await);
//! for (scope, finding) in app.probe().scopes(&["qyapi_get_member"], ProbeAs::default(), now_ms).await {
//!     println!("{scope}: {finding:?}");
//! }
//! const PARENTS: Api = Api::post("department_parents", "/topapi/v2/department/listparentbydept").free();
//! let reply = app.call(Call::of(&PARENTS).json(&serde_json::json!({ "dept_id": 2 })), now_ms).await?;
//! println!("{} bytes", reply.body.len());
//! # Ok(()) }
//! ```

mod answer;
pub mod api;
mod app;
mod call;
pub mod callback;
pub mod calls;
mod encode;
mod error;
mod http;
pub mod lenient;
mod message;
mod oauth;
mod observe;
pub mod pace;
pub mod probe;
mod reason;
mod redact;
mod robot;
mod sign;
pub mod stream;
mod token;
mod verdict;
mod webhook;
mod wire;

pub use api::{Api, Host, Method, apply_link};
pub use app::{App, AppConfig};
pub use call::{Call, Reply};
pub use calls::app_message::AppMessage;
pub use calls::robot_people::AppRobot;
pub use encode::{BODY_LIMIT_BYTES, Encoded, Template, encode};
pub use error::{
    ApiRefusal, Error, MessageProblem, OapiRefusal, OddAnswer, Oddity, Transport, TransportPhase,
};
pub use http::{Endpoints, Http, Timeouts};
pub use message::{At, Button, Buttons, FeedLink, MENTIONS_LIMIT, Orientation, RobotMessage};
pub use oauth::{LoginError, Member, Visitor};
pub use observe::{CallObserver, CallReport};
pub use pace::Pacer;
pub use reason::Reason;
pub use redact::redact;
pub use robot::{Accepted, Robot, RobotConfig, SendOptions};
pub use sign::Signer;
pub use verdict::{ContentFault, Misconfiguration, Verdict};
pub use webhook::{Secret, SecretError, SecretWarning, Webhook, WebhookError, WebhookParts};
