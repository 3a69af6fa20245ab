//! What a client of the sandbox sees over HTTP, in one binary so that it links once.

mod announcements;
mod app_robots;
mod callbacks;
mod cards;
mod chat;
mod client_views;
mod directory;
mod ding_media;
mod faults;
mod files;
mod groups;
mod jsapi;
mod login;
mod mail;
mod official_sdk;
mod platform;
mod restart;
mod support;
mod todos;
mod webhook;
mod work_notices;
mod line;
mod stream;
mod official_stream;
