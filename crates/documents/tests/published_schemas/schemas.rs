//! Which published schemas each grammar is compared with, and what is mended in them.

use std::fs;
use std::path::{Path, PathBuf};

use xml::schema::Grammar;

use documents::{
    groups, pidf, pres_content, pub_rules, resource_lists, rlmi, rls_services, rules, user_profile,
    watcherinfo, xcap_caps, xcap_diff, xcap_directory,
};

/// A grammar, its examples, and the schemas it is compared with.
pub(crate) struct Vocabulary {
    pub(crate) folder: &'static str,
    pub(crate) grammar: &'static Grammar,
    /// Names in [`SCHEMAS`].
    schemas: &'static [&'static str],
}

/// A schema: a name for it, its namespace, its file, and what is replaced in it so that it can be read.
struct Schema(&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const SCHEMAS: &[Schema] = &[
    Schema("xml", "http://www.w3.org/XML/1998/namespace", "found/flexisip/xml.xsd", &[]),
    Schema("common-schema", "", "ietf/common-schema.xsd", &[]),
    // Its patterns are written with entities, which are not read: what a selector looks like is not compared.
    Schema(
        "patch-ops",
        "",
        "ietf/patch-ops.xsd",
        &[
            ("<xsd:pattern\n    value=\"(/)?((&id;)((/&step;)*(/&last;))?|(&step;/)*(&last;))\"/>", ""),
            ("<xsd:pattern\n    value=\"(/)?((&id;)((/&step;)*(/&child;))?|(&step;/)*(&child;))\"/>", ""),
            ("<xsd:pattern value=\"&aname;|&nspa;\"/>", ""),
        ],
    ),
    Schema("pidf", "urn:ietf:params:xml:ns:pidf", "ietf/pidf.xsd", &[]),
    Schema("data-model", "urn:ietf:params:xml:ns:pidf:data-model", "ietf/data-model.xsd", &[]),
    // It lacks the types that it uses, and the text in a sphere that its example has.
    Schema(
        "rpid",
        "urn:ietf:params:xml:ns:pidf:rpid",
        "ietf/rpid.xsd",
        &[
            (
                "<xs:simpleType name=\"activeIdle\">",
                "<xs:include schemaLocation=\"common-schema.xsd\"/><xs:simpleType name=\"activeIdle\">",
            ),
            (
                "<xs:complexType>\n      <xs:choice minOccurs=\"0\">\n        <xs:element name=\"home\"",
                "<xs:complexType mixed=\"true\"><xs:choice minOccurs=\"0\"><xs:element name=\"home\"",
            ),
        ],
    ),
    Schema("cipid", "urn:ietf:params:xml:ns:pidf:cipid", "ietf/cipid.xsd", &[]),
    Schema("timed-status", "urn:ietf:params:xml:ns:pidf:timed-status", "ietf/timed-status.xsd", &[]),
    Schema("caps", "urn:ietf:params:xml:ns:pidf:caps", "ietf/caps.xsd", &[]),
    Schema("oma-pres", "urn:oma:xml:prs:pidf:oma-pres", "found/doubango/prs_pidf_omapres-v1_0.xsd", &[]),
    Schema("pde", "urn:oma:xml:pde:pidf:ext", "found/sip-presence-service-presence/pde_pidf_ext.xsd", &[]),
    Schema(
        "pde-1.1",
        "urn:oma:xml:pde:pidf:ext:1.1",
        "found/sip-presence-service-presence/pde_pidf_ext-v1_1.xsd",
        &[],
    ),
    Schema("resource-lists", "urn:ietf:params:xml:ns:resource-lists", "ietf/resource-lists.xsd", &[]),
    // It lacks the import of the types that it uses.
    Schema(
        "rls-services",
        "urn:ietf:params:xml:ns:rls-services",
        "ietf/rls-services.xsd",
        &[(
            "<xs:element name=\"rls-services\">",
            "<xs:import namespace=\"urn:ietf:params:xml:ns:resource-lists\"/><xs:element name=\"rls-services\">",
        )],
    ),
    Schema(
        "appusage",
        "urn:oma:xml:xdm:resource-list:oma-appusage",
        "found/doubango/xdm_rsrclst_appusage-v1_0.xsd",
        &[],
    ),
    Schema(
        "uriusage",
        "urn:oma:xml:xdm:resource-list:oma-uriusage",
        "found/doubango/xdm_rsrclst_uriusage-v1_0.xsd",
        &[],
    ),
    // The same.
    Schema(
        "pocusage",
        "urn:oma:xml:poc:oma-pocusage",
        "found/doubango/poc_pocusage-v1_0.xsd",
        &[(
            "<xs:element name=\"pocusage\"",
            "<xs:import namespace=\"urn:oma:xml:xdm:resource-list:oma-uriusage\"/><xs:element name=\"pocusage\"",
        )],
    ),
    Schema("common-policy", "urn:ietf:params:xml:ns:common-policy", "ietf/common-policy.xsd", &[]),
    Schema("pres-rules", "urn:ietf:params:xml:ns:pres-rules", "ietf/pres-rules.xsd", &[]),
    Schema(
        "oma-common-policy",
        "urn:oma:xml:xdm:common-policy",
        "found/doubango/xdm_commonPolicy-v1_0.xsd",
        &[],
    ),
    Schema("oma-pres-rules", "urn:oma:xml:prs:pres-rules", "found/doubango/prs_presRules-v1_0.xsd", &[]),
    Schema(
        "pub-rules",
        "urn:oma:xml:prs:pub-rules",
        "found/doubango/OMA-SUP-XSD_prs_pubRules-V1_0-20081223-C.xsd",
        &[],
    ),
    Schema(
        "pres-content",
        "urn:oma:xml:prs:pres-content",
        "found/doubango/OMA-SUP-XSD_prs_presContent-V1_0-20081223-C.xsd",
        &[],
    ),
    // Ambiguous: its rules may be taken by the wildcard after them, so they are left to it.
    Schema(
        "list-service",
        "urn:oma:xml:poc:list-service",
        "found/doubango/poc_listService-v1_0.xsd",
        &[("<xs:element ref=\"cr:ruleset\" minOccurs=\"0\"/>", "")],
    ),
    Schema(
        "user-profile",
        "urn:oma:xml:xdm:user-profile",
        "found/sip-presence-service-xdm/OMA-SUP-XSD_xdm_userProfile-V1_0-20070724-C.xsd",
        &[],
    ),
    Schema(
        "xcap-directory",
        "urn:oma:xml:xdm:xcap-directory",
        "found/sip-presence-service-xdm/OMA-SUP-XSD_xdm_xcapDirectory-V1_0_2-20080627-A.xsd",
        &[],
    ),
    Schema("xcap-caps", "urn:ietf:params:xml:ns:xcap-caps", "ietf/xcap-caps.xsd", &[]),
    Schema(
        "xcap-diff",
        "urn:ietf:params:xml:ns:xcap-diff",
        "ietf/xcap-diff.xsd",
        &[("urn:ietf:params:xml:schema:patch-ops", "patch-ops.xsd")],
    ),
    Schema("watcherinfo", "urn:ietf:params:xml:ns:watcherinfo", "ietf/watcherinfo.xsd", &[]),
    Schema("rlmi", "urn:ietf:params:xml:ns:rlmi", "ietf/rlmi.xsd", &[]),
];

pub(crate) const VOCABULARIES: &[Vocabulary] = &[
    Vocabulary {
        folder: "resource-lists",
        grammar: &resource_lists::GRAMMAR,
        schemas: &["resource-lists", "appusage", "uriusage", "pocusage", "xml"],
    },
    Vocabulary {
        folder: "rls-services",
        grammar: &rls_services::GRAMMAR,
        schemas: &["rls-services", "resource-lists", "appusage", "uriusage", "pocusage", "xml"],
    },
    Vocabulary {
        folder: "rules",
        grammar: &rules::GRAMMAR,
        schemas: &["common-policy", "pres-rules", "oma-pres-rules", "oma-common-policy", "xml"],
    },
    Vocabulary {
        folder: "pub-rules",
        grammar: &pub_rules::GRAMMAR,
        schemas: &["common-policy", "pub-rules", "oma-common-policy", "xml"],
    },
    Vocabulary {
        folder: "groups",
        grammar: &groups::GRAMMAR,
        schemas: &["list-service", "common-policy", "resource-lists", "oma-common-policy", "xml"],
    },
    Vocabulary {
        folder: "pidf",
        grammar: &pidf::GRAMMAR,
        schemas: &[
            "pidf",
            "data-model",
            "rpid",
            "cipid",
            "timed-status",
            "caps",
            "oma-pres",
            "pde",
            "pde-1.1",
            "xml",
        ],
    },
    Vocabulary { folder: "pres-content", grammar: &pres_content::GRAMMAR, schemas: &["pres-content", "xml"] },
    Vocabulary { folder: "user-profile", grammar: &user_profile::GRAMMAR, schemas: &["user-profile", "xml"] },
    Vocabulary {
        folder: "xcap-directory",
        grammar: &xcap_directory::GRAMMAR,
        schemas: &["xcap-directory", "xml"],
    },
    Vocabulary { folder: "xcap-caps", grammar: &xcap_caps::GRAMMAR, schemas: &["xcap-caps", "xml"] },
    Vocabulary { folder: "xcap-diff", grammar: &xcap_diff::GRAMMAR, schemas: &["xcap-diff", "xml"] },
    Vocabulary { folder: "watcherinfo", grammar: &watcherinfo::GRAMMAR, schemas: &["watcherinfo", "xml"] },
    Vocabulary { folder: "rlmi", grammar: &rlmi::GRAMMAR, schemas: &["rlmi", "xml"] },
];

/// Copies the schemas, mended, to where they find each other.
pub(crate) fn prepare(folder: &Path, scratch: &Path) {
    for Schema(name, _, file, replaced) in SCHEMAS {
        let file = folder.join(file);
        let mut text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (from, to) in *replaced {
            assert!(text.contains(from), "{name} has {from}");
            text = text.replace(from, to);
        }
        if let Some((before, rest)) = text.split_once("<!DOCTYPE") {
            let (_, after) = rest.split_once("]>").expect("it ends");
            text = [before, after].concat();
        }
        for address in ["http://www.w3.org/2001/xml.xsd", "http://www.w3.org/2001/03/xml.xsd"] {
            text = text.replace(address, "xml.xsd");
        }
        for Schema(name, namespace, ..) in SCHEMAS {
            let import = format!("<xs:import namespace=\"{namespace}\"");
            text = text.replace(&format!("{import}/>"), &format!("{import} schemaLocation=\"{name}.xsd\"/>"));
        }
        fs::write(scratch.join(format!("{name}.xsd")), text).expect("there is room for files");
    }
}

/// A schema of nothing but imports of those of a vocabulary.
pub(crate) fn driver(vocabulary: &Vocabulary, scratch: &Path) -> PathBuf {
    let mut text = String::from("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n");
    for name in vocabulary.schemas {
        let found = SCHEMAS.iter().find(|schema| schema.0 == *name);
        let Schema(_, namespace, ..) = found.expect("a vocabulary names schemas of the table");
        text.push_str(&format!("<xs:import namespace=\"{namespace}\" schemaLocation=\"{name}.xsd\"/>\n"));
    }
    text.push_str("</xs:schema>\n");
    let file = scratch.join(format!("driver-{}.xsd", vocabulary.folder));
    fs::write(&file, text).expect("there is room for files");
    file
}
