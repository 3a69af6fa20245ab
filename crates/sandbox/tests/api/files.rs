//! The drive: bytes go up to a signed address, become files with versions and rights, and come down again.

use serde_json::{Value, json};
use yuezhi_sandbox::{Content, DriveRules, Rules, SandboxConfig};

use crate::support::{CID, Trial, config};

impl Trial {
    async fn drive(&self, method: &str, path: &str, unionid: &str, body: Value) -> (u16, Value) {
        let token = self.token().await;
        let glue = if path.contains('?') { '&' } else { '?' };
        self.api(
            method,
            &format!("{path}{glue}unionId={unionid}"),
            Some(&token),
            &body,
        )
        .await
    }

    async fn group_space(&self) -> String {
        let (status, answer) = self
            .drive(
                "POST",
                "/v1.0/convFile/conversations/spaces/query",
                "union-lina",
                json!({"openConversationId": CID}),
            )
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["space"]["spaceId"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    async fn put(&self, info: &Value, bytes: &'static [u8]) -> reqwest::Response {
        let signed = &info["headerSignatureInfo"];
        let mut request = self
            .http
            .put(signed["resourceUrls"][0].as_str().expect("an address"))
            .body(bytes);
        for (name, value) in signed["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("text"));
        }
        request.send().await.expect("an answer")
    }

    async fn upload_info(&self, space: &str, unionid: &str) -> (u16, Value) {
        let body = json!({"protocol": "HEADER_SIGNATURE", "multipart": false});
        self.drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/files/uploadInfos/query"),
            unionid,
            body,
        )
        .await
    }

    async fn commit(
        &self,
        space: &str,
        bytes: &'static [u8],
        name: &str,
        strategy: &str,
    ) -> (u16, Value) {
        let (_, info) = self.upload_info(space, "union-lina").await;
        assert_eq!(self.put(&info, bytes).await.status(), 200);
        let body = json!({"uploadKey": info["uploadKey"], "name": name, "parentId": "0", "option": {"size": bytes.len(), "conflictStrategy": strategy}});
        self.drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/files/commit"),
            "union-lina",
            body,
        )
        .await
    }
}

#[tokio::test]
async fn a_file_goes_up_and_comes_down_and_its_newest_version_leads() {
    let trial = Trial::start().await;
    let space = trial.group_space().await;
    assert_eq!(trial.group_space().await, space, "one space per group");
    let (_, first) = trial.commit(&space, b"one", "制度.pdf", "OVERWRITE").await;
    trial.sandbox.clock().advance_ms(60_000);
    let (_, second) = trial.commit(&space, b"two!", "制度.pdf", "OVERWRITE").await;
    let (first, second) = (&first["dentry"], &second["dentry"]);
    assert_eq!(
        (&second["id"], &second["version"], &second["size"]),
        (&first["id"], &json!(2), &json!(4))
    );
    assert_eq!(
        (&second["path"], &second["extension"], &second["type"]),
        (&json!("/制度.pdf"), &json!("pdf"), &json!("FILE"))
    );

    let id = second["id"].as_str().unwrap();
    let of = format!("/v1.0/storage/spaces/{space}/dentries/{id}");
    let (_, versions) = trial
        .drive(
            "GET",
            &format!("{of}/versions?maxResults=1"),
            "union-lina",
            json!({}),
        )
        .await;
    assert_eq!(
        (&versions["dentries"][0]["version"], &versions["nextToken"]),
        (&json!(2), &json!("1"))
    );
    let (_, info) = trial
        .drive(
            "POST",
            &format!("{of}/downloadInfos/query"),
            "union-wangfang",
            json!({"option": {"version": 1}}),
        )
        .await;
    let signed = &info["headerSignatureInfo"];
    let mut request = trial.http.get(signed["resourceUrls"][0].as_str().unwrap());
    for (name, value) in signed["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "one");
    let (_, open) = trial
        .drive(
            "POST",
            &format!("{of}/openInfos/query"),
            "union-lina",
            json!({"option": {"type": "PREVIEW", "waterMark": true}}),
        )
        .await;
    assert_eq!(open["hasWaterMark"], true);
    let shown = trial
        .http
        .get(open["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(shown.headers()["content-type"], "application/pdf");
    assert_eq!(shown.text().await.unwrap(), "two!");

    let files: String = url::form_urlencoded::byte_serialize(CID.as_bytes()).collect();
    let files = format!("/chat/files?conversation={files}");
    let list = trial
        .http
        .get(trial.url(&files))
        .header("cookie", "dingtalk_sandbox_persona=lina");
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (
            &list["files"][0]["name"],
            &list["files"][0]["versions"][0]["number"]
        ),
        (&json!("制度.pdf"), &json!(2))
    );
    let hidden = trial
        .http
        .get(trial.url(&files))
        .header("cookie", "dingtalk_sandbox_persona=zhaolei");
    assert_eq!(hidden.send().await.unwrap().status(), 404, "not a member");
}

#[tokio::test]
async fn the_signed_address_takes_its_headers_and_nothing_more() {
    let trial = Trial::start().await;
    let space = trial.group_space().await;
    let (_, info) = trial.upload_info(&space, "union-lina").await;
    let signed = &info["headerSignatureInfo"];
    let url = signed["resourceUrls"][0].as_str().unwrap();
    let put = |changes: &[(&str, &str)], without: &str| {
        let mut request = trial.http.put(url).body("x");
        for (name, value) in signed["headers"].as_object().unwrap() {
            if name != without {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        for (name, value) in changes {
            request = request.header(*name, *value);
        }
        request.send()
    };
    for (changes, without) in [
        (&[("content-type", "application/pdf")][..], ""),
        (&[("x-acs-dingtalk-access-token", "t")][..], ""),
        (&[][..], "Authorization"),
        (&[][..], "x-oss-date"),
    ] {
        let answer = put(changes, without).await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("<Code>SignatureDoesNotMatch</Code>")
        );
    }
    assert_eq!(
        put(&[("content-type", "")], "").await.unwrap().status(),
        200,
        "an empty type is none"
    );
    trial.sandbox.clock().advance_ms(900_001);
    let late = put(&[], "").await.unwrap();
    assert!(late.text().await.unwrap().contains("expired"));
}

#[tokio::test]
async fn a_name_that_is_taken_is_met_by_the_strategy() {
    let trial = Trial::start().await;
    let space = trial.group_space().await;
    let (_, first) = trial.commit(&space, b"one", "a.txt", "AUTO_RENAME").await;
    let (_, renamed) = trial.commit(&space, b"two", "a.txt", "AUTO_RENAME").await;
    assert_eq!(renamed["dentry"]["name"], "a(1).txt");
    let (_, found) = trial
        .commit(&space, b"three", "a.txt", "RETURN_DENTRY_IF_EXISTS")
        .await;
    assert_eq!(
        (&found["dentry"]["id"], &found["dentry"]["size"]),
        (&first["dentry"]["id"], &json!(3))
    );
    let (status, refused) = trial
        .commit(&space, b"four", "a.txt", "RETURN_ERROR_IF_EXISTS")
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!("dentryNameConflict"))
    );
    assert_eq!(trial.commit(&space, b"five", "a.txt", "SHRUG").await.0, 400);
    assert_eq!(
        trial.commit(&space, b"six", "a/b.txt", "OVERWRITE").await.0,
        400
    );
    let body = json!({"uploadKey": "none", "name": "b.txt"});
    let (_, unknown) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/files/commit"),
            "union-lina",
            body,
        )
        .await;
    assert_eq!(unknown["code"], "uploadKeyNotExist");
    let (_, info) = trial.upload_info(&space, "union-lina").await;
    let body = json!({"uploadKey": info["uploadKey"], "name": "b.txt"});
    let (_, empty) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/files/commit"),
            "union-lina",
            body,
        )
        .await;
    assert_eq!(empty["code"], "fileNotUploaded");
}

#[tokio::test]
async fn folders_take_uploads_by_uuid_and_take_their_files_along() {
    let trial = Trial::start().await;
    let space = trial.group_space().await;
    let folder = |name: &str| json!({"name": name});
    let path = format!("/v1.0/storage/spaces/{space}/dentries/0/folders");
    let (status, made) = trial
        .drive("POST", &path, "union-lina", folder("制度"))
        .await;
    assert_eq!((status, &made["dentry"]["type"]), (200, &json!("FOLDER")));
    let uuid = made["dentry"]["uuid"].as_str().unwrap();
    let id = made["dentry"]["id"].as_str().unwrap();
    let of = format!("/v2.0/storage/spaces/files/{uuid}");
    let (_, info) = trial
        .drive(
            "POST",
            &format!("{of}/uploadInfos/query"),
            "union-lina",
            json!({"protocol": "HEADER_SIGNATURE"}),
        )
        .await;
    assert_eq!(trial.put(&info, b"x").await.status(), 200);
    let (status, file) = trial
        .drive(
            "POST",
            &format!("{of}/commit"),
            "union-lina",
            json!({"uploadKey": info["uploadKey"], "name": "休假.docx"}),
        )
        .await;
    assert_eq!(
        (status, &file["dentry"]["path"]),
        (200, &json!("/制度/休假.docx"))
    );
    let (_, list) = trial
        .drive(
            "GET",
            &format!("/v1.0/storage/spaces/{space}/dentries?parentId={id}&maxResults=10"),
            "union-lina",
            json!({}),
        )
        .await;
    assert_eq!(list["dentries"].as_array().unwrap().len(), 1);
    let (_, all) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/dentries/listAll"),
            "union-lina",
            json!({"option": {"maxResults": 1}}),
        )
        .await;
    assert_eq!(
        (all["dentries"].as_array().unwrap().len(), &all["nextToken"]),
        (1, &json!("1"))
    );
    let (_, renamed) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/dentries/{id}/rename"),
            "union-lina",
            json!({"newName": "规章"}),
        )
        .await;
    assert_eq!(renamed["dentry"]["name"], "规章");
    let (status, gone) = trial
        .drive(
            "DELETE",
            &format!("/v1.0/storage/spaces/{space}/dentries/{id}"),
            "union-lina",
            json!({}),
        )
        .await;
    assert_eq!((status, gone), (200, json!({"async": false})));
    let file_id = file["dentry"]["id"].as_str().unwrap();
    assert_eq!(
        trial
            .http
            .get(trial.url(&format!("/sandbox/files/{file_id}")))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn rights_are_granted_inherited_cut_off_and_taken_back() {
    let trial = Trial::start().await;
    let (status, space) = trial
        .drive(
            "POST",
            "/v1.0/drive/spaces",
            "union-zhangwei",
            json!({"name": "制度库", "unionId": "union-zhangwei"}),
        )
        .await;
    assert_eq!(status, 200, "{space}");
    let space = space["spaceId"].as_str().unwrap().to_owned();
    let (_, folder) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/dentries/0/folders"),
            "union-zhangwei",
            json!({"name": "薪酬"}),
        )
        .await;
    let (uuid, id) = (
        folder["dentry"]["uuid"].as_str().unwrap(),
        folder["dentry"]["id"].as_str().unwrap(),
    );
    let look = format!("/v1.0/storage/spaces/{space}/dentries/{id}/query");
    let (status, refused) = trial.drive("POST", &look, "union-lina", json!({})).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("permissionDenied"))
    );
    let of = format!("/v2.0/storage/spaces/dentries/{uuid}/permissions");
    let grant = |kind: &str, id: &str, corp: &str| json!({"roleId": "READER", "members": [{"type": kind, "id": id, "corpId": corp}]});
    for bad in [
        grant("USER", "union-lina", ""),
        grant("DEPT", "2", ""),
        grant("DYNAMIC_GROUP", "1", ""),
        json!({"roleId": "READER", "members": []}),
        json!({"roleId": "GOD", "members": [{"type": "USER", "id": "lina"}]}),
    ] {
        assert_eq!(trial.drive("POST", &of, "union-zhangwei", bad).await.0, 400);
    }
    let corp = trial.sandbox.organisation().corp_id;
    assert_eq!(
        trial
            .drive("POST", &of, "union-zhangwei", grant("DEPT", "2", &corp))
            .await,
        (200, json!({"success": true}))
    );
    assert_eq!(
        trial.drive("POST", &look, "union-lina", json!({})).await.0,
        200,
        "she is in department 2"
    );
    assert_eq!(
        trial
            .drive("POST", &look, "union-wangfang", json!({}))
            .await
            .0,
        403
    );
    let (_, listed) = trial
        .drive(
            "POST",
            &format!("{of}/query"),
            "union-zhangwei",
            json!({"option": {"maxResults": 10}}),
        )
        .await;
    assert_eq!(
        (
            &listed["permissions"][0]["role"]["id"],
            &listed["permissions"][0]["member"]["id"]
        ),
        (&json!("READER"), &json!("2"))
    );
    let (status, denied) = trial.upload_info(&space, "union-lina").await;
    assert_eq!(
        (status, &denied["code"]),
        (403, &json!("permissionDenied")),
        "a reader does not write"
    );

    let (_, inner) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/dentries/{id}/folders"),
            "union-zhangwei",
            json!({"name": "高管"}),
        )
        .await;
    let (inner_uuid, inner_id) = (
        inner["dentry"]["uuid"].as_str().unwrap(),
        inner["dentry"]["id"].as_str().unwrap(),
    );
    let look_inner = format!("/v1.0/storage/spaces/{space}/dentries/{inner_id}/query");
    assert_eq!(
        trial
            .drive("POST", &look_inner, "union-lina", json!({}))
            .await
            .0,
        200,
        "inherited"
    );
    let inheritance =
        format!("/v2.0/storage/spaces/dentries/{inner_uuid}/permissions/inheritances");
    assert_eq!(
        trial
            .drive(
                "PUT",
                &inheritance,
                "union-zhangwei",
                json!({"inheritance": "BREAK"})
            )
            .await
            .0,
        200
    );
    assert_eq!(
        trial
            .drive("GET", &inheritance, "union-zhangwei", json!({}))
            .await
            .1["inheritance"],
        "BREAK"
    );
    assert_eq!(
        trial
            .drive("POST", &look_inner, "union-lina", json!({}))
            .await
            .0,
        403
    );
    assert_eq!(
        trial
            .drive("POST", &look_inner, "union-zhangwei", json!({}))
            .await
            .0,
        200,
        "owners stay"
    );

    assert_eq!(
        trial
            .drive(
                "POST",
                &format!("{of}/remove"),
                "union-zhangwei",
                grant("DEPT", "2", &corp)
            )
            .await
            .0,
        200
    );
    assert_eq!(
        trial.drive("POST", &look, "union-lina", json!({})).await.0,
        403
    );
    let (_, spaces) = trial
        .drive(
            "GET",
            "/v1.0/drive/spaces?spaceType=org&maxResults=10",
            "union-lina",
            json!({}),
        )
        .await;
    assert_eq!(spaces["spaces"], json!([]));
}

#[tokio::test]
async fn an_apps_space_grants_for_an_hour_and_new_spaces_can_be_forbidden() {
    let trial = Trial::start().await;
    let body = json!({"option": {"name": "阅知", "ownerType": "APP"}});
    let (_, made) = trial
        .drive("POST", "/v1.0/storage/spaces", "union-zhangwei", body)
        .await;
    let space = made["space"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made["space"]["ownerType"], "APP");
    let (_, folder) = trial
        .drive(
            "POST",
            &format!("/v1.0/storage/spaces/{space}/dentries/0/folders"),
            "union-zhangwei",
            json!({"name": "f"}),
        )
        .await;
    let of = format!(
        "/v2.0/storage/spaces/dentries/{}/permissions",
        folder["dentry"]["uuid"].as_str().unwrap()
    );
    let grant = |duration: Value| json!({"roleId": "READER", "members": [{"type": "USER", "id": "lina"}], "option": {"duration": duration}});
    assert_eq!(
        trial
            .drive("POST", &of, "union-zhangwei", grant(json!(7_200)))
            .await
            .0,
        400
    );
    assert_eq!(
        trial
            .drive("POST", &of, "union-zhangwei", grant(json!(60)))
            .await
            .0,
        200
    );
    let look = format!(
        "/v1.0/storage/spaces/{space}/dentries/{}/query",
        folder["dentry"]["id"].as_str().unwrap()
    );
    assert_eq!(
        trial.drive("POST", &look, "union-lina", json!({})).await.0,
        200
    );
    trial.sandbox.clock().advance_ms(60_001);
    assert_eq!(
        trial.drive("POST", &look, "union-lina", json!({})).await.0,
        403,
        "the grant ran out"
    );
    trial.sandbox.set_rules(Rules {
        drive: DriveRules {
            spaces_forbidden: true,
        },
        ..Rules::default()
    });
    let (status, refused) = trial
        .drive(
            "POST",
            "/v1.0/drive/spaces",
            "union-zhangwei",
            json!({"name": "x"}),
        )
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!("addSpace.forbiden"))
    );
}

#[tokio::test]
async fn a_file_is_copied_linked_and_sent_by_the_app_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || SandboxConfig {
        data_dir: Some(folder.path().to_path_buf()),
        ..config()
    };
    let trial = Trial::with(kept()).await;
    let space = trial.group_space().await;
    let (_, file) = trial.commit(&space, b"hello", "a.txt", "AUTO_RENAME").await;
    let id = file["dentry"]["id"].as_str().unwrap().to_owned();
    let body = json!({"spaceId": space, "dentryId": id, "openConversationId": CID});
    let (status, copied) = trial
        .drive(
            "POST",
            "/v1.0/convFile/conversations/files/send",
            "union-lina",
            body.clone(),
        )
        .await;
    assert_eq!(
        (
            status,
            &copied["file"]["name"],
            &copied["file"]["conversationId"]
        ),
        (200, &json!("a(1).txt"), &json!(CID))
    );
    let (_, linked) = trial
        .drive(
            "POST",
            "/v1.0/convFile/conversations/files/links/send",
            "union-lina",
            body.clone(),
        )
        .await;
    assert_eq!(linked["file"]["id"], id.as_str());
    assert_eq!(
        trial
            .drive(
                "POST",
                "/v1.0/convFile/conversations/files/send",
                "union-zhaolei",
                body.clone()
            )
            .await
            .0,
        403
    );
    let (status, _) = trial
        .drive(
            "POST",
            "/v1.0/convFile/apps/conversations/files/send",
            "union-zhaolei",
            body,
        )
        .await;
    assert_eq!(status, 200);
    let theirs = trial.sandbox.messages_of("zhaolei");
    assert!(
        matches!(&theirs[0].content, Content::File { name, href: Some(href), .. } if name == "a.txt" && href.ends_with(&id))
    );

    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept()).await;
    assert_eq!(trial.group_space().await, space);
    let files = trial.sandbox.files_of_group(CID);
    let mut paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/a(1).txt", "/a.txt"]);
    assert!(files.iter().all(|file| file.bytes == "hello"));
    let copy = copied["file"]["id"].as_str().unwrap();
    for id in [id.as_str(), copy] {
        let bytes = trial
            .http
            .get(trial.url(&format!("/sandbox/files/{id}")))
            .send()
            .await
            .unwrap();
        assert_eq!(bytes.text().await.unwrap(), "hello");
    }
}
