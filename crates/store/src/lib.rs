//! yuezhi-store
