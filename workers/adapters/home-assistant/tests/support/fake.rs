//! A scripted Home Assistant.
