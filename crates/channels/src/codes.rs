//! Every reason a channel can give, once: the server translates each into what to do.
//!
//! Invariant: the texts are stable, they stand in the database; [`ALL`] is complete, so a test can
//! see that none lacks a translation.

macro_rules! codes {
    ($($name:ident = $text:literal;)*) => {
        $(pub const $name: &str = $text;)*

        /// All codes.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

codes! {
    APP_ADDRESS_FINE = "app_address_fine";
    APP_AGENT_ID_FINE = "app_agent_id_fine";
    APP_AGENT_ID_MISSING = "app_agent_id_missing";
    APP_CARD_TEMPLATE_MISSING = "app_card_template_missing";
    APP_CARD_TEMPLATE_SET = "app_card_template_set";
    APP_KEYS_FINE = "app_keys_fine";
    APP_OPERATOR_FINE = "app_operator_fine";
    APP_OPERATOR_MISSING = "app_operator_missing";
    APP_QUOTA_LEFT = "app_quota_left";
    APP_QUOTA_LOW = "app_quota_low";
    APP_ROBOT_FINE = "app_robot_fine";
    APP_SCOPE_GRANTED = "app_scope_granted";
    APP_SCOPE_MISSING = "app_scope_missing";
    APP_SCOPE_UNKNOWN = "app_scope_unknown";
    APP_SIGHT_WHOLE = "app_sight_whole";
    APP_STREAM_CONNECTED = "app_stream_connected";
    APP_STREAM_DOWN = "app_stream_down";
    APP_STREAM_OFF = "app_stream_off";
    APP_STREAM_OVER_QUOTA = "app_stream_over_quota";
    DINGTALK_AGENT_ID_WRONG = "dingtalk_agent_id_wrong";
    DINGTALK_ANSWER_ODD = "dingtalk_answer_odd";
    DINGTALK_APP_READY = "dingtalk_app_ready";
    DINGTALK_APP_SECRET_WRONG = "dingtalk_app_secret_wrong";
    DINGTALK_BUSY = "dingtalk_busy";
    DINGTALK_CARD_NOT_DELIVERED = "dingtalk_card_not_delivered";
    DINGTALK_CARD_TEMPLATE_UNAVAILABLE = "dingtalk_card_template_unavailable";
    DINGTALK_CLIENT_BROKEN = "dingtalk_client_broken";
    DINGTALK_CONNECTION_BROKEN = "dingtalk_connection_broken";
    DINGTALK_CONTENT_REFUSED = "dingtalk_content_refused";
    DINGTALK_DING_NOT_DELIVERED = "dingtalk_ding_not_delivered";
    DINGTALK_DING_QUOTA = "dingtalk_ding_quota";
    DINGTALK_DUPLICATE = "dingtalk_duplicate";
    DINGTALK_ENDPOINT_WRONG = "dingtalk_endpoint_wrong";
    DINGTALK_FILE_TYPE_UNSUPPORTED = "dingtalk_file_type_unsupported";
    DINGTALK_IP_NOT_ALLOWED = "dingtalk_ip_not_allowed";
    DINGTALK_MESSAGE_MALFORMED = "dingtalk_message_malformed";
    DINGTALK_MESSAGE_TOO_LONG = "dingtalk_message_too_long";
    DINGTALK_OPERATOR_NOT_ALLOWED = "dingtalk_operator_not_allowed";
    DINGTALK_OPERATOR_UNKNOWN = "dingtalk_operator_unknown";
    DINGTALK_OTHER_APPS = "dingtalk_other_apps";
    DINGTALK_OUTSIDE_SCOPE = "dingtalk_outside_scope";
    DINGTALK_PERMISSION_MISSING = "dingtalk_permission_missing";
    DINGTALK_PERSON_FILTERED = "dingtalk_person_filtered";
    DINGTALK_PERSON_LIMIT = "dingtalk_person_limit";
    DINGTALK_PERSON_PROTECTED = "dingtalk_person_protected";
    DINGTALK_PERSON_THROTTLED = "dingtalk_person_throttled";
    DINGTALK_PERSON_UNKNOWN = "dingtalk_person_unknown";
    DINGTALK_QUOTA_USED_UP = "dingtalk_quota_used_up";
    DINGTALK_RAW_UNSUPPORTED = "dingtalk_raw_unsupported";
    DINGTALK_READS_NOT_YET = "dingtalk_reads_not_yet";
    DINGTALK_READS_OVER = "dingtalk_reads_over";
    DINGTALK_REFUSED = "dingtalk_refused";
    DINGTALK_ROBOT_DISABLED = "dingtalk_robot_disabled";
    DINGTALK_ROBOT_UNKNOWN = "dingtalk_robot_unknown";
    DINGTALK_TARGET_GONE = "dingtalk_target_gone";
    DINGTALK_THROTTLED = "dingtalk_throttled";
    DINGTALK_TIMEOUT = "dingtalk_timeout";
    DINGTALK_TOKEN_REFUSED = "dingtalk_token_refused";
    DINGTALK_UNION_ID_MISSING = "dingtalk_union_id_missing";
    DINGTALK_UNREACHABLE = "dingtalk_unreachable";
    DINGTALK_USER_ID_MISSING = "dingtalk_user_id_missing";
    DIRECTORY_COUNT_DIFFERS = "directory_count_differs";
    DIRECTORY_DEPARTMENT_UNREAD = "directory_department_unread";
    DIRECTORY_FIELD_MISSING = "directory_field_missing";
    DIRECTORY_LEAVERS_ENDLESS = "directory_leavers_endless";
    DIRECTORY_PARTIAL_SIGHT = "directory_partial_sight";
    DIRECTORY_PEOPLE_UNREAD = "directory_people_unread";
    DIRECTORY_PERSON_UNREAD = "directory_person_unread";
    GROUP_ANNOUNCEMENT_REFUSED = "group_announcement_refused";
    GROUP_ANNOUNCEMENT_RUNG = "group_announcement_rung";
    GROUP_FULL = "group_full";
    GROUP_GONE = "group_gone";
    GROUP_NOT_MADE_HERE = "group_not_made_here";
    GROUP_ROBOT_MISSING = "group_robot_missing";
    GROUP_ROBOT_READY = "group_robot_ready";
    GROUP_TEMPLATE_UNAVAILABLE = "group_template_unavailable";
    MAIL_ADDRESS_INVALID = "mail_address_invalid";
    MAIL_ADDRESS_MISSING = "mail_address_missing";
    MAIL_ADDRESS_UNSUPPORTED = "mail_address_unsupported";
    MAIL_ANSWER_ODD = "mail_answer_odd";
    MAIL_CONNECTION_BROKEN = "mail_connection_broken";
    MAIL_CONTENT_REFUSED = "mail_content_refused";
    MAIL_LOGIN_REFUSED = "mail_login_refused";
    MAIL_LOGIN_UNSUPPORTED = "mail_login_unsupported";
    MAIL_MAILBOX_BUSY = "mail_mailbox_busy";
    MAIL_MAILBOX_DISABLED = "mail_mailbox_disabled";
    MAIL_MAILBOX_FULL = "mail_mailbox_full";
    MAIL_MAILBOX_UNKNOWN = "mail_mailbox_unknown";
    MAIL_NOT_SMTP = "mail_not_smtp";
    MAIL_POLICY_REFUSED = "mail_policy_refused";
    MAIL_RAW_UNSUPPORTED = "mail_raw_unsupported";
    MAIL_RECIPIENT_REFUSED = "mail_recipient_refused";
    MAIL_RELAY_BUSY = "mail_relay_busy";
    MAIL_RELAY_FULL = "mail_relay_full";
    MAIL_RELAY_READY = "mail_relay_ready";
    MAIL_RELAY_REFUSES = "mail_relay_refuses";
    MAIL_SENDER_BLOCKED = "mail_sender_blocked";
    MAIL_SENDER_REFUSED = "mail_sender_refused";
    MAIL_THROTTLED = "mail_throttled";
    MAIL_TIMEOUT = "mail_timeout";
    MAIL_TLS_FAILED = "mail_tls_failed";
    MAIL_TOO_LARGE = "mail_too_large";
    MAIL_UNENCRYPTED = "mail_unencrypted";
    MAIL_UNREACHABLE = "mail_unreachable";
    ROBOT_CANNOT_MENTION = "robot_cannot_mention";
    ROBOT_CLOCK_WRONG = "robot_clock_wrong";
    ROBOT_CONTENT_REFUSED = "robot_content_refused";
    ROBOT_DISABLED = "robot_disabled";
    ROBOT_GROUP_GONE = "robot_group_gone";
    ROBOT_IP_NOT_ALLOWED = "robot_ip_not_allowed";
    ROBOT_KEYWORD_MISSING = "robot_keyword_missing";
    ROBOT_KNOWN = "robot_known";
    ROBOT_MESSAGE_MALFORMED = "robot_message_malformed";
    ROBOT_MESSAGE_TOO_LONG = "robot_message_too_long";
    ROBOT_SECRET_WITHOUT_PREFIX = "robot_secret_without_prefix";
    ROBOT_SECURITY_SETTINGS = "robot_security_settings";
    ROBOT_SIGNATURE_WRONG = "robot_signature_wrong";
    ROBOT_THROTTLED = "robot_throttled";
    ROBOT_TOKEN_UNKNOWN = "robot_token_unknown";
    ROBOT_TOO_MANY_MENTIONS = "robot_too_many_mentions";
    WORK_NOTICE_DAILY_LIMIT = "work_notice_daily_limit";
    WORK_NOTICE_FORBIDDEN = "work_notice_forbidden";
    WORK_NOTICE_MINUTE_FULL = "work_notice_minute_full";
    WORK_NOTICE_NOT_DELIVERED = "work_notice_not_delivered";
    WORK_NOTICE_REPEATED = "work_notice_repeated";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_code_names_its_channel_and_none_stands_twice() {
        let mut sorted = ALL.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ALL.len());
        assert!(ALL.iter().all(|code| {
            [
                "app_",
                "dingtalk_",
                "directory_",
                "group_",
                "mail_",
                "robot_",
                "work_notice_",
            ]
            .iter()
            .any(|start| code.starts_with(start))
        }));
    }
}
