//! Whether the conditions of a request hold, RFC 9110 §13.2.2.

pub(crate) use xcap::Verdict;

use xcap::Tags;

use crate::date;
use crate::refusal::Refusal;
use crate::request::Conditions;
use crate::snapshot::Stored;

/// Compares with the document as it is; `None` if there is none. Dates count to the second, and only where no tags are
/// given; a date that cannot be read is as if it were not there.
pub(crate) fn check(
    conditions: &Conditions<'_>,
    stored: Option<&Stored>,
    is_read: bool,
) -> Result<Verdict, Refusal> {
    let tags =
        |value: Option<&str>| value.map(|value| Tags::parse(value).ok_or(Refusal::BadCondition)).transpose();
    let by_tag = xcap::Conditions {
        if_match: tags(conditions.if_match)?,
        if_none_match: tags(conditions.if_none_match)?,
    };
    let since = |value: Option<&str>| value.and_then(date::parse).map(|date| date.as_secs());
    let modified = stored.map(|stored| stored.modified.as_secs());
    if by_tag.if_match.is_none()
        && let Some(date) = since(conditions.if_unmodified_since)
        && modified.is_none_or(|modified| modified > date)
    {
        return Ok(Verdict::Failed);
    }
    let verdict = by_tag.check(stored.map(|stored| &stored.etag), is_read);
    if verdict == Verdict::Proceed
        && is_read
        && by_tag.if_none_match.is_none()
        && let Some(date) = since(conditions.if_modified_since)
        && modified.is_some_and(|modified| modified <= date)
    {
        return Ok(Verdict::NotModified);
    }
    Ok(verdict)
}
