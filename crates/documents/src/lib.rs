//! yuezhi-documents
