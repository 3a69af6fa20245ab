//! Files into a group's drive and to one person.

use serde_json::json;
use yuezhi_channels::files::{FileToShare, send_to_person, share_with_group, upload_media};

use crate::platform::{CONVERSATION, Platform};
use crate::posts::NOW;

fn pdf() -> FileToShare {
    FileToShare {
        name: "差旅/管理制度.pdf".into(),
        bytes: "%PDF-1.7".into(),
    }
}

async fn drive() -> Platform {
    let platform = Platform::start().await;
    platform.answers(
        "/v1.0/convFile/conversations/spaces/query",
        200,
        &json!({ "space": { "spaceId": "sp1" } }),
    );
    platform.answers(
        "/v1.0/storage/spaces/sp1/files/uploadInfos/query",
        200,
        &json!({ "uploadKey": "up1", "storageDriver": "DINGTALK", "protocol": "HEADER_SIGNATURE",
            "headerSignatureInfo": { "resourceUrls": [format!("{}/oss/put", platform.base)],
                "headers": { "Authorization": "sig", "x-oss-date": "d" }, "expirationSeconds": 900 } }),
    );
    platform.answers("/oss/put", 200, &json!({}));
    platform.answers(
        "/v1.0/storage/spaces/sp1/files/commit",
        200,
        &json!({ "dentry": { "id": "f1", "uuid": "uu", "spaceId": "sp1", "name": "差旅／管理制度.pdf", "version": 3 } }),
    );
    platform
}

#[tokio::test]
async fn a_file_goes_on_top_of_its_older_version_and_its_link_into_the_chat() {
    let platform = drive().await;
    let send = "/v1.0/convFile/conversations/files/links/send";
    platform.answers(send, 200, &json!({ "file": {} }));
    let app = platform.app();
    let shared = share_with_group(&app, "un-owner", CONVERSATION, pdf(), NOW)
        .await
        .unwrap();
    assert_eq!((shared.file_id.as_str(), shared.version), ("f1", Some(3)));
    assert_eq!(shared.unannounced, None);
    let commit = &platform.asked("/v1.0/storage/spaces/sp1/files/commit")[0];
    assert_eq!(commit.body["option"]["conflictStrategy"], "OVERWRITE");
    assert_eq!(commit.body["name"], "差旅／管理制度.pdf");
    assert!(commit.query.contains("unionId=un-owner"));
    let put = &platform.asked("/oss/put")[0];
    assert_eq!((put.method.as_str(), put.bytes), ("PUT", 8));
    assert_eq!(
        platform.asked(send)[0].body["openConversationId"],
        CONVERSATION
    );
}

#[tokio::test]
async fn a_refused_link_leaves_the_file_and_says_so() {
    let platform = drive().await;
    platform.answers(
        "/v1.0/convFile/conversations/files/links/send",
        403,
        &json!({ "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "没有权限",
            "accessdenieddetail": { "requiredScopes": ["ConvFile.File.Send"] } }),
    );
    let shared = share_with_group(&platform.app(), "un", CONVERSATION, pdf(), NOW)
        .await
        .unwrap();
    let why = shared.unannounced.unwrap();
    assert_eq!(why.code, "dingtalk_permission_missing");
}

#[tokio::test]
async fn a_file_goes_to_one_person_in_the_robots_chat() {
    let platform = Platform::start().await;
    platform.answers(
        "/media/upload",
        200,
        &json!({ "errcode": 0, "type": "file", "media_id": "@lAz1" }),
    );
    platform.answers(
        "/v1.0/robot/oToMessages/batchSend",
        200,
        &json!({ "processQueryKey": "k", "invalidStaffIdList": ["gone"] }),
    );
    let app = platform.app();
    send_to_person(&app, "u1", pdf(), NOW).await.unwrap();
    let sent = &platform.asked("/v1.0/robot/oToMessages/batchSend")[0].body;
    assert_eq!(sent["msgKey"], "sampleFile");
    assert!(
        sent["msgParam"]
            .as_str()
            .unwrap()
            .contains(r#""mediaId":"@lAz1""#)
    );
    let refused = send_to_person(&app, "gone", pdf(), NOW).await.unwrap_err();
    assert_eq!(refused.code, "dingtalk_person_unknown");
    let markdown = FileToShare {
        name: "a.md".into(),
        bytes: "x".into(),
    };
    let refused = send_to_person(&app, "u1", markdown, NOW).await.unwrap_err();
    assert_eq!(refused.code, "dingtalk_file_type_unsupported");
    assert_eq!(
        upload_media(&app, "a.PNG", "x".into(), NOW).await.unwrap(),
        "@lAz1"
    );
    assert!(
        platform.asked("/media/upload")[2]
            .query
            .contains("type=image")
    );
    let metered: u64 = app.take_metered().iter().map(|calls| calls.calls).sum();
    assert_eq!(metered, 5);
}
