//! Yuezhi 阅知: policies are published, told, read, confirmed, reminded of and proved.
//!
//! The library behind the one binary `yuezhi`. ARCHITECTURE.md walks through it; [`actions`] is the list of what the
//! system can do, [`workers`] the only loop, [`http`] the doors.

pub mod actions;
pub mod api;
pub mod app;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod demo;
mod dingtalk_callback;
pub mod documents;
pub mod fan_out;
pub mod http;
pub mod links;
pub mod media;
pub mod messages;
pub mod my;
mod naming;
pub mod pages;
pub mod refusal;
pub mod refusals;
pub mod serve;
pub mod texts;
pub mod wiring;
pub mod workers;
