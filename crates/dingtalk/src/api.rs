//! What is known about each interface before it is called: its path, its host, whether a call
//! counts against the monthly quota, and which permission point it needs.
//!
//! Callers: the typed calls, one constant each; anybody with an interface this crate lacks.
//! Invariant: `name` is unique and stable; meters and pace are kept by it.
//! Source: 附录A 不纳入调用量限制的接口 (tokens, free login, the whole directory are free).

/// Which of the two hosts, and with it which conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// `api.dingtalk.com`: token in a header, HTTP 4xx/5xx and `code`.
    Api,
    /// `oapi.dingtalk.com`: token in the query, HTTP 200 and `errcode`.
    Oapi,
}

/// The HTTP verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// One interface of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Api {
    /// Stable and unique; what a meter counts by.
    pub name: &'static str,
    /// With `{placeholders}` for path parameters.
    pub path: &'static str,
    pub host: Host,
    pub method: Method,
    /// Counts against the organisation's monthly quota of paid calls.
    pub metered: bool,
    /// The permission point (权限点) to apply for, where the documents name one.
    pub scope: Option<&'static str>,
    /// In the public documents. `false`: only in the platform's own SDK, behaviour not promised.
    pub documented: bool,
}

impl Api {
    /// A metered, documented GET; `/v1.0/…` and `/v2.0/…` belong to the new host.
    pub const fn get(name: &'static str, path: &'static str) -> Self {
        Self::of(Method::Get, name, path)
    }

    /// A metered, documented POST.
    pub const fn post(name: &'static str, path: &'static str) -> Self {
        Self::of(Method::Post, name, path)
    }

    /// A metered, documented PUT.
    pub const fn put(name: &'static str, path: &'static str) -> Self {
        Self::of(Method::Put, name, path)
    }

    /// A metered, documented DELETE.
    pub const fn delete(name: &'static str, path: &'static str) -> Self {
        Self::of(Method::Delete, name, path)
    }

    /// Exempt from the monthly quota.
    pub const fn free(mut self) -> Self {
        self.metered = false;
        self
    }

    /// Needs this permission point.
    pub const fn scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Known from the platform's SDK only.
    pub const fn sdk_only(mut self) -> Self {
        self.documented = false;
        self
    }

    const fn of(method: Method, name: &'static str, path: &'static str) -> Self {
        let bytes = path.as_bytes();
        let is_new = bytes.len() > 3 && bytes[1] == b'v' && bytes[2].is_ascii_digit();
        Self {
            name,
            path,
            host: if is_new { Host::Api } else { Host::Oapi },
            method,
            metered: true,
            scope: None,
            documented: true,
        }
    }
}

/// The page where an administrator grants `scope` to the app with one click.
pub fn apply_link(client_id: &str, scope: &str) -> String {
    let part =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "https://open-dev.dingtalk.com/appscope/apply?content={}%23{}",
        part(client_id),
        part(scope)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_follows_from_the_path() {
        assert_eq!(Api::get("a", "/v1.0/x").host, Host::Api);
        assert_eq!(Api::get("a", "/v2.0/x").host, Host::Api);
        assert_eq!(Api::post("a", "/topapi/v2/user/get").host, Host::Oapi);
        assert_eq!(Api::post("a", "/media/upload").host, Host::Oapi);
    }

    #[test]
    fn the_link_to_apply_names_app_and_scope() {
        assert_eq!(
            apply_link("dingx", "qyapi_get_member"),
            "https://open-dev.dingtalk.com/appscope/apply?content=dingx%23qyapi_get_member"
        );
    }
}
