//! yuezhi-domain
