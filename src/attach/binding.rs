//! What a scope column is compared with: a claim as a typed parameter.

use super::Claims;
use crate::catalog::plane::ScopeBinding;
use crate::error::{Refusal, StageResult};
use crate::identity::principal::Claim;
use crate::pgx::parameters::{self, Parameters};
use crate::pgx::types;
use crate::reason::Reason;

/// Adds the claim of a binding as a parameter and returns its number; NULL where there is nobody, or no such value of the type.
pub(super) fn bind(binding: &ScopeBinding, claims: Claims<'_>, parameters: &mut Parameters<'_>) -> StageResult<usize> {
    let type_oid = if binding.is_list() {
        types::array_type(binding.base_type).ok_or_else(|| Refusal::proof("a scope column's type has no array type"))?
    } else {
        binding.base_type
    };
    let Claims::Of(principal) = claims else { return Ok(parameters.add_null(type_oid)) };
    let claim = principal
        .claim(&binding.claim)
        .ok_or_else(|| Refusal::identity(Reason::Claims, format!("the principal has no claim {}", binding.claim)))?;
    match (binding.is_list(), claim) {
        // The type would read other spellings, and so another tenant's id; in_scope reads none of them either.
        (false, Claim::Scalar(value)) if types::is_bytes(type_oid) && types::bytes_of_id(&value).is_none() => {
            Ok(parameters.add_null(type_oid))
        }
        (false, Claim::Scalar(value)) => parameters.add(type_oid, value),
        (false, Claim::List(_)) => {
            Err(Refusal::identity(Reason::Claims, format!("the claim {} is a list", binding.claim)))
        }
        (true, Claim::Scalar(value)) => parameters.add(type_oid, parameters::array_literal(&[value])),
        (true, Claim::List(values)) => parameters.add(type_oid, parameters::array_literal(&values)),
    }
}
