//! The client against a fake of the platform on loopback that replays recorded answers.

mod login;
mod robot;
mod support;
