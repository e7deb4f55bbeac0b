//! The Presence Server: publications, composition, rules, views and notification.
