//! The alphabet of SMS (GSM 03.38): 160 of its characters fit into one, of any other 70.

/// Units of one SMS.
pub const SMS: usize = 160;
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Each counts twice.
const EXTENDED: &str = "^{}\\[~]|€";
/// Letters and marks that are often met, and what is read for them.
const ALIKE: &[(&str, &str)] = &[
    ("‘’‚‛`´", "'"),
    ("“”„«»", "\""),
    ("‐‑‒–—―−·•", "-"),
    ("…", "..."),
    ("→", "->"),
    ("áâãāăąª", "a"),
    ("ÁÂÀÃĀĂĄ", "A"),
    ("çćčĉċ", "c"),
    ("ĆČĈĊ", "C"),
    ("ďđ", "d"),
    ("ĎĐ", "D"),
    ("êëēĕėęě", "e"),
    ("ÊËÈĒĔĖĘĚ", "E"),
    ("ğĝġģ", "g"),
    ("ĞĜĠĢ", "G"),
    ("íîïīĭįı", "i"),
    ("ÍÎÏÌĪĬĮİ", "I"),
    ("łĺļľ", "l"),
    ("ŁĹĻĽ", "L"),
    ("ńņňŉ", "n"),
    ("ŃŅŇ", "N"),
    ("óôõōŏőº", "o"),
    ("ÓÔÕÒŌŎŐ", "O"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("ŕŗř", "r"),
    ("ŔŖŘ", "R"),
    ("śŝşšș", "s"),
    ("ŚŜŞŠȘ", "S"),
    ("ţťŧț", "t"),
    ("ŢŤŦȚ", "T"),
    ("úûūŭůűų", "u"),
    ("ÚÛÙŪŬŮŰŲ", "U"),
    ("ýÿŷ", "y"),
    ("ÝŸŶ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
    ("\u{a0}\u{202f}\t", " "),
];

/// In this alphabet; what has no likeness is a question mark.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if BASIC.contains(c) || EXTENDED.contains(c) {
            plain.push(c);
        } else {
            let alike = ALIKE.iter().find(|(letters, _)| letters.contains(c));
            plain.push_str(alike.map_or("?", |(_, alike)| alike));
        }
    }
    plain
}

fn units_of(c: char) -> usize {
    if EXTENDED.contains(c) { 2 } else { 1 }
}

/// How much of an SMS a plain text takes.
#[must_use]
pub fn units(plain: &str) -> usize {
    plain.chars().map(units_of).sum()
}

/// A plain text of at most `max` units; two dots say that it was cut.
#[must_use]
pub fn cut(plain: &str, max: usize) -> String {
    if units(plain) <= max {
        return plain.to_owned();
    }
    let mut room = max.saturating_sub(2);
    let fits = |c: &char| {
        let fits = units_of(*c) <= room;
        room = room.saturating_sub(units_of(*c));
        fits
    };
    let kept: String = plain.chars().take_while(fits).collect();
    format!("{}..", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_phone_s_alphabet_lacks_is_read_all_the_same() {
        assert_eq!(plain("“Größe” – łatwo… 漢 €"), "\"Größe\" - latwo... ? €");
        assert_eq!(units("a€"), 3);
        assert_eq!(cut("abcdef", 5), "abc..");
        assert_eq!(cut("ab€def", 5), "ab..");
        assert_eq!(cut("abcde", 5), "abcde");
    }
}
