//! The form that receipts are made of is what PostgreSQL prints for jsonb.

#[pgrx::pg_schema]
mod tests {
    use crate::audit::jsonb_form;
    use pgrx::prelude::*;

    /// What jsonb prints for a text that it takes.
    fn printed(text: &str) -> String {
        let read = "SELECT ($1::pg_catalog.jsonb)::pg_catalog.text";
        Spi::get_one_with_args::<String>(read, &[text.into()]).unwrap().unwrap()
    }

    /// Numbers drawn by a fixed rule: the same in each run.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % most
        }

        fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
            all[usize::try_from(self.below(all.len() as u64)).unwrap()]
        }

        fn digits(&mut self, most: u64) -> String {
            let count = self.below(most) + 1;
            (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap())).collect()
        }

        fn number(&mut self) -> String {
            let digits = self.digits(12);
            let whole = digits.trim_start_matches('0');
            let mut number = format!("{}{}", self.of(&["", "-"]), if whole.is_empty() { "0" } else { whole });
            if self.below(2) == 0 {
                number.push_str(&format!(".{}", self.digits(9)));
            }
            if self.below(2) == 0 {
                number.push_str(&format!("{}{}{}", self.of(&["e", "E"]), self.of(&["", "+", "-"]), self.below(40)));
            }
            number
        }

        fn string(&mut self) -> String {
            const PIECES: [&str; 14] = [
                "a",
                "b",
                "zz",
                "é",
                "ß",
                "\u{2028}",
                "\u{7f}",
                "\\n",
                "\\u0001",
                "\\u00e9",
                "\\ud83d\\ude00",
                "\\/",
                "\\\"",
                "\\\\",
            ];
            let count = self.below(4);
            let inner: String = (0..count).map(|_| self.of(&PIECES)).collect();
            format!("\"{inner}\"")
        }

        fn value(&mut self, depth: u64) -> String {
            let blank = self.of(&["", "", " ", "\n\t"]);
            let made = match self.below(if depth == 0 { 3 } else { 5 }) {
                0 => self.number(),
                1 => self.string(),
                2 => self.of(&["true", "false", "null"]).to_owned(),
                3 => {
                    let count = self.below(4);
                    let values: Vec<String> = (0..count).map(|_| self.value(depth - 1)).collect();
                    format!("[{}]", values.join(","))
                }
                _ => {
                    let count = self.below(5);
                    let members: Vec<String> =
                        (0..count).map(|_| format!("{}{blank}:{}", self.string(), self.value(depth - 1))).collect();
                    format!("{{{}}}", members.join(","))
                }
            };
            format!("{blank}{made}{blank}")
        }
    }

    #[pg_test]
    fn jsonb_prints_the_form_of_receipts() {
        let mut draw = Draw(1);
        let mut other = 0;
        for _ in 0..20_000 {
            let text = draw.value(4);
            let printed = printed(&text);
            assert_eq!(jsonb_form(&text).unwrap().text, printed, "{text}");
            other += usize::from(printed != text);
        }
        assert!(other > 10_000, "the control: texts that jsonb prints otherwise");
    }
}
