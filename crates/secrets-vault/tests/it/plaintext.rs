//! Whatever holds a plaintext cannot be printed, serialised, cloned or compared with `==`. If one of them could, this would not
//! compile. What they are made of is `cryptography`'s, whose tests show the same, with the compiler's words.

use std::fmt::{Debug, Display};

use secrets_vault::{
    BasicCredentials, ConnectionString, GivenParts, GivenValue, InjectedEnvironment, NewSecret,
    NewSecretValue, OauthTokenSet, PlatformVariable, SecretValue, SshPrivateKey,
};
use serde::Serialize;

macro_rules! never {
    ($($type:ty),+: $traits:tt) => {
        $(never!(@each $type: $traits);)+
    };
    (@each $type:ty: ($($trait:path),+)) => {
        $(const _: () = {
            trait Ambiguous<A> {
                const CHECKED: () = ();
            }
            impl<T> Ambiguous<()> for T {}
            struct Has;
            impl<T: $trait> Ambiguous<Has> for T {}
            // Both match, and nobody can say which is meant, if the type has the trait.
            <$type as Ambiguous<_>>::CHECKED
        };)+
    };
}

never!(
    BasicCredentials, ConnectionString, GivenParts, GivenValue, InjectedEnvironment, NewSecret, NewSecretValue,
    OauthTokenSet, PlatformVariable, SecretValue, SshPrivateKey: (Debug, Display, Serialize, Clone, PartialEq)
);
