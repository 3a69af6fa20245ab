//! Shares a policy's file: into a group's drive (钉盘) with the newest version on top, or to one person.
//!
//! Caller: the server after a publication, and from a policy's page. Metered: five calls for a group, two for a person.
//! Invariant: the same name in the same group is one file with versions, never a second file.
//! Weakness: the acting person needs rights in the group's drive, so it is the group's owner; where sending the link is
//! refused the file stands in the drive without a message, and the outcome says so.
//! Source: 获取群存储空间信息, 获取文件上传信息, 提交文件, 发送文件链接到指定会话, 以应用身份发送文件给指定用户, 上传媒体文件.

use bytes::Bytes;
use dingtalk::AppMessage;
use dingtalk::calls::drive::{Dentry, FilePlace, OnConflict, ROOT_FOLDER};
use dingtalk::calls::media::MediaKind;
use dingtalk::calls::robot_people::PersonOutcome;
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::codes;
use crate::dingtalk_verdict;
use crate::outcome::Why;

/// A file to share.
#[derive(Debug, Clone)]
pub struct FileToShare {
    /// With its ending: `差旅费管理制度.pdf`. The same name replaces what is there.
    pub name: String,
    pub bytes: Bytes,
}

/// A file in a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFile {
    pub space_id: String,
    pub file_id: String,
    /// 1 for a new file, then counting up; absent where the platform does not say.
    pub version: Option<i64>,
    /// Why nobody in the conversation was told, although the file is there.
    pub unannounced: Option<Why>,
}

/// Puts a file into a group's drive, over an older one of the same name, and sends its link into the conversation.
/// `acting_union_id`: the group's owner, or whoever has rights in its drive.
pub async fn share_with_group(
    app: &DingTalkApp,
    acting_union_id: &str,
    open_conversation_id: &str,
    file: FileToShare,
    now: UnixMillis,
) -> Result<SharedFile, Why> {
    let refused = |error: dingtalk::Error| dingtalk_verdict::why_of(&error, now);
    let drive = app.client().drive(acting_union_id);
    let space_id = drive
        .group_space(open_conversation_id, now.get())
        .await
        .map_err(refused)?;
    let name = file_name(&file.name);
    let place = FilePlace {
        space_id: &space_id,
        parent_id: ROOT_FOLDER,
        name: &name,
        on_conflict: OnConflict::Overwrite,
    };
    let stored: Dentry = drive
        .upload(place, file.bytes, now.get())
        .await
        .map_err(refused)?;
    let told = drive
        .link_to_group(&space_id, &stored.id, open_conversation_id, now.get())
        .await;
    Ok(SharedFile {
        space_id,
        file_id: stored.id,
        version: stored.version,
        unannounced: told.err().map(refused),
    })
}

/// Sends a file that stands in a drive to one person as the app; it arrives as a work notice (工作通知).
pub async fn send_shared_to_person(
    app: &DingTalkApp,
    receiver_union_id: &str,
    file: &SharedFile,
    now: UnixMillis,
) -> Result<(), Why> {
    app.client()
        .drive(receiver_union_id)
        .send_to_person(&file.space_id, &file.file_id, now.get())
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))
}

/// Sends a file to one person in the robot's chat.
pub async fn send_to_person(
    app: &DingTalkApp,
    user_id: &str,
    file: FileToShare,
    now: UnixMillis,
) -> Result<(), Why> {
    let name = file_name(&file.name);
    let file_type = robot_file_type(&name).ok_or_else(|| {
        Why::new(
            codes::DINGTALK_FILE_TYPE_UNSUPPORTED,
            ROBOT_FILE_TYPES.join(", "),
        )
    })?;
    let media_id = upload_media(app, &name, file.bytes, now).await?;
    let message = AppMessage::File {
        media_id,
        file_name: name,
        file_type: file_type.to_owned(),
    };
    let sent = app
        .client()
        .robot(app.robot_code())
        .send_to_people(&[user_id], &message, now.get())
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))?;
    match sent.of(user_id) {
        PersonOutcome::Accepted => Ok(()),
        PersonOutcome::FlowControlled => Err(Why::new(codes::DINGTALK_PERSON_THROTTLED, user_id)),
        PersonOutcome::Filtered => Err(Why::new(codes::DINGTALK_PERSON_FILTERED, user_id)),
        PersonOutcome::Invalid => Err(Why::new(codes::DINGTALK_PERSON_UNKNOWN, user_id)),
    }
}

/// Uploads a picture or a file; the id (`@…`) is good in messages for as long as the organisation exists.
pub async fn upload_media(
    app: &DingTalkApp,
    name: &str,
    bytes: Bytes,
    now: UnixMillis,
) -> Result<String, Why> {
    let ending = ending(name);
    let kind = [
        MediaKind::File,
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Voice,
    ]
    .into_iter()
    .find(|kind| kind.endings().contains(&ending.as_str()))
    .ok_or_else(|| {
        Why::new(
            codes::DINGTALK_FILE_TYPE_UNSUPPORTED,
            MediaKind::File.endings().join(", "),
        )
    })?;
    app.client()
        .upload_media(kind, name, bytes, now.get())
        .await
        .map_err(|error| dingtalk_verdict::why_of(&error, now))
}

/// `fileType` of sampleFile (机器人发送消息的类型).
const ROBOT_FILE_TYPES: [&str; 6] = ["xlsx", "pdf", "zip", "rar", "doc", "docx"];

fn robot_file_type(name: &str) -> Option<&'static str> {
    let ending = ending(name);
    ROBOT_FILE_TYPES.into_iter().find(|known| *known == ending)
}

fn ending(name: &str) -> String {
    name.rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Characters that a drive refuses in names become full-width ones.
fn file_name(name: &str) -> String {
    name.trim()
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| match c {
            '/' => '／',
            '\\' => '＼',
            ':' => '：',
            '*' => '＊',
            '?' => '？',
            '"' => '＂',
            '<' => '＜',
            '>' => '＞',
            '|' => '｜',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_for_a_drive() {
        assert_eq!(file_name(" 差旅/报销: V3?.PDF\n"), "差旅／报销： V3？.PDF");
        assert_eq!(robot_file_type("a.PDF"), Some("pdf"));
        assert_eq!(robot_file_type("a.md"), None);
        assert_eq!(robot_file_type("pdf"), None);
    }
}
