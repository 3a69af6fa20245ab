//! What a client of the sandbox sees over HTTP, in one binary so that it links once.

mod app_robots;
mod chat;
mod faults;
mod login;
mod mail;
mod official_sdk;
mod restart;
mod support;
mod webhook;
