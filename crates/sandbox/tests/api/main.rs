//! What a client of the sandbox sees over HTTP, in one binary so that it links once.

mod announcements;
mod app_robots;
mod callbacks;
mod cards;
mod chat;
mod client_views;
mod ding_media;
mod directory;
mod faults;
mod files;
mod groups;
mod jsapi;
mod line;
mod login;
mod mail;
mod official_sdk;
mod official_stream;
mod platform;
mod restart;
mod stream;
mod support;
mod todos;
mod webhook;
mod work_notices;
