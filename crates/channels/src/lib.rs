//! yuezhi-channels
