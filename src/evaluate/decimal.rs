//! Numbers by value, from their text: `1.10`, `1.1` and `11e-1` are one.

/// Significant digits by which floating-point numbers are compared.
const FLOAT_DIGITS: usize = 12;

/// A number: 0.`digits` times ten to the power of `exponent`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// `None` where the text is no JSON number.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (is_negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.strip_prefix('+').unwrap_or(power).parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let exponent = i64::try_from(whole.len()).ok()?.checked_add(power)?;
        let digits = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        Some(Self::trimmed(is_negative, digits, exponent))
    }

    fn trimmed(is_negative: bool, mut digits: Vec<u8>, exponent: i64) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Decimal { is_negative: false, digits, exponent: 0 };
        }
        let exponent = exponent.saturating_sub(i64::try_from(zeros).unwrap_or(i64::MAX));
        Decimal { is_negative, digits, exponent }
    }

    /// The same to as many digits as a float is compared by.
    pub(super) fn rounded(&self) -> Self {
        let Some(next) = self.digits.get(FLOAT_DIGITS) else { return self.clone() };
        let mut digits: Vec<u8> = self.digits.iter().take(FLOAT_DIGITS).copied().collect();
        let mut exponent = self.exponent;
        if *next >= 5 {
            let nines = digits.iter().rev().take_while(|digit| **digit == 9).count();
            digits.truncate(digits.len().saturating_sub(nines));
            match digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    digits.push(1);
                    exponent = exponent.saturating_add(1);
                }
            }
        }
        Self::trimmed(self.is_negative, digits, exponent)
    }
}
