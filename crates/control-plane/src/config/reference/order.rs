//! The order in which types have their fields: JSON schemas have none.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use crate::config::{
    AuditSection, CertificateSection, Config, DatabaseConnectionsSection, DatabaseSection, DecisionsSection,
    GoogleSection, LimitsSection, ListenSection, LogSection, MailSection, OrganizationsSection,
    PlatformSection, ProviderSection, SecretsSection, SecurityTxtSection, ServerSection, ServicesSection,
    SessionsSection, SignInSection, TelemetrySection, TransitSection, UpstreamsSection, UserTokensSection,
    WebhookSection,
};

/// The fields of every section by the name of its type. One that is missing here has its keys in alphabetical order.
pub(super) fn of_all() -> BTreeMap<String, &'static [&'static str]> {
    BTreeMap::from([
        fields::<Config>(),
        fields::<AuditSection>(),
        fields::<CertificateSection>(),
        fields::<DatabaseConnectionsSection>(),
        fields::<DatabaseSection>(),
        fields::<DecisionsSection>(),
        fields::<GoogleSection>(),
        fields::<LimitsSection>(),
        fields::<ListenSection>(),
        fields::<LogSection>(),
        fields::<MailSection>(),
        fields::<OrganizationsSection>(),
        fields::<PlatformSection>(),
        fields::<ProviderSection>(),
        fields::<SecretsSection>(),
        fields::<SecurityTxtSection>(),
        fields::<ServerSection>(),
        fields::<ServicesSection>(),
        fields::<SessionsSection>(),
        fields::<SignInSection>(),
        fields::<TelemetrySection>(),
        fields::<TransitSection>(),
        fields::<UpstreamsSection>(),
        fields::<UserTokensSection>(),
        fields::<WebhookSection>(),
    ])
}

fn fields<T: DeserializeOwned + JsonSchema>() -> (String, &'static [&'static str]) {
    let mut names: &'static [&'static str] = &[];
    // It fails as soon as it has heard them.
    let _ = T::deserialize(Listening(&mut names));
    (T::schema_name().into_owned(), names)
}

/// Hears which fields a type asks for, and has none of them.
struct Listening<'a>(&'a mut &'static [&'static str]);

#[derive(Debug)]
struct Heard;

impl fmt::Display for Heard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nothing is read here")
    }
}

impl std::error::Error for Heard {}

impl Error for Heard {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Listening<'_> {
    type Error = Heard;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Heard> {
        *self.0 = fields;
        Err(Heard)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Heard> {
        Err(Heard)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
