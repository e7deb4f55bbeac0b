//! What a presentity lets somebody do, in the words of the document servers.

/// The standing that a request, or a subscription to changes, is judged by.
pub fn standing(standing: presence::Standing) -> xdm::Standing {
    let presence::Standing { decision, published, permanent } = standing;
    xdm::Standing { handling: decision.handling, shown: decision.permissions, published, permanent }
}
