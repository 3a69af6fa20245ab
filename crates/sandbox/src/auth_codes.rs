//! Codes for 免登: what `dd.requestAuthCode` gives a page inside the chat client and an app exchanges for a person.
//!
//! Minted by the chat client for its persona (`chat::auth_code`), spent by `topapi/v2/user/getuserinfo`.
//! A code is good once, within five minutes, for the app it was asked for (开放平台文档, 免登).
//! Invariant: no code serves both this and the OAuth login. Weakness: codes live in memory; a restart voids them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::organisation::Person;
use crate::world::World;

const LIFE_MS: i64 = 5 * 60_000;

/// Switches of the login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginRules {
    /// The login page offers somebody of another organisation too: another `corpId`, and `contact_type` 1 behind the unionid.
    pub outsiders: bool,
}

/// A code's person and app.
#[derive(Clone, Debug)]
struct Minted {
    userid: String,
    client_id: String,
    expires_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct AuthCodes(HashMap<String, Minted>);

/// Why a page gets no code, in the words of the client. (Numbers and texts are inferred: the documentation of
/// `requestAuthCode` lists none.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoCode {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

impl AuthCodes {
    /// Gives the person's code for an app of this organisation.
    pub(crate) fn mint(
        world: &mut World,
        code: String,
        (corp_id, client_id, userid): (&str, &str, &str),
        now_ms: i64,
    ) -> Result<String, NoCode> {
        let refuse = |code, message| Err(NoCode { code, message });
        if corp_id.is_empty() || client_id.is_empty() {
            return refuse("1", "缺少参数 corpId 或 clientId");
        }
        if corp_id != world.organisation.corp_id {
            return refuse("3", "无效的corpId：当前用户不属于该组织");
        }
        let Some(person) = world.person(userid) else {
            return refuse("3", "当前用户不属于该组织");
        };
        if world
            .app(client_id)
            .is_none_or(|_| !world.is_visible(client_id, person))
        {
            return refuse("3", "无效的clientId：应用不存在或对当前用户不可见");
        }
        let codes = &mut world.auth_codes.0;
        codes.retain(|_, minted| minted.expires_ms > now_ms);
        let minted = Minted {
            userid: userid.to_owned(),
            client_id: client_id.to_owned(),
            expires_ms: now_ms + LIFE_MS,
        };
        codes.insert(code.clone(), minted);
        Ok(code)
    }

    /// The person behind a code of this app; the code is spent.
    pub(crate) fn spend(&mut self, code: &str, client_id: &str, now_ms: i64) -> Option<String> {
        // Another app's attempt leaves the code to the one it belongs to.
        self.0
            .get(code)
            .filter(|minted| minted.client_id == client_id)?;
        let minted = self.0.remove(code)?;
        (minted.expires_ms > now_ms).then_some(minted.userid)
    }
}

impl crate::SandboxHandle {
    /// A code as `dd.requestAuthCode` gives it to a page of this app that the person opened in the chat client;
    /// `Err` is the client's message.
    pub fn auth_code(&self, client_id: &str, userid: &str) -> Result<String, String> {
        let now_ms = self.shared.clock.now_ms();
        let mut world = self.shared.world();
        let corp_id = world.organisation.corp_id.clone();
        let code = self.shared.ids().token();
        AuthCodes::mint(&mut world, code, (&corp_id, client_id, userid), now_ms)
            .map_err(|none| none.message.to_owned())
    }
}

/// The corpId of the outsider's organisation.
pub(crate) const OTHER_CORP: &str = "dingotherorganisation0001";

/// Somebody of another organisation, who can log in where the rules let outsiders.
pub(crate) fn outsider() -> Person {
    Person {
        userid: "outsider-0001".into(),
        unionid: "union-outsider-0001".into(),
        name: "周外部".into(),
        title: "其他企业".into(),
        ..Person::default()
    }
}
