//! yuezhi-sandbox
