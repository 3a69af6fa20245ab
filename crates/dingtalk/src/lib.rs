//! dingtalk
