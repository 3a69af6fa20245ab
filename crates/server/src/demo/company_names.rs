//! Invented names: surnames and given-name characters that are combined by dice, with the spelling for mail.
//!
//! Called by `company` only. Nobody of these names is meant: the lists hold parts of names, never whole persons.
//! Invariant: `mail` is lower-case ASCII letters and dots, fit for the local part of an address. Weakness: the weights
//! follow common sense, not a census.

use std::sync::LazyLock;

/// Whose names people carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    China,
    Singapore,
}

/// A name as it is shown, and the local part of the mail address made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) shown: String,
    pub(super) mail: String,
}

/// Characters and their spelling.
type Part = (&'static str, &'static str);

/// Invents a name. `roll(n)` gives a number below `n`.
pub(super) fn invent(region: Region, mut roll: impl FnMut(usize) -> usize) -> Name {
    match region {
        Region::Singapore => singapore(&mut roll),
        Region::China if roll(150) == 0 => minority(&mut roll),
        Region::China => han(&mut roll),
    }
}

fn han(roll: &mut impl FnMut(usize) -> usize) -> Name {
    let parts = &*PARTS;
    let surname = if roll(120) == 0 {
        pick(&parts.compound_surnames, roll)
    } else {
        // The smaller of two rolls: the first surnames of the list are much more frequent than the last.
        let width = parts.surnames.len();
        parts.surnames[roll(width).min(roll(width))]
    };
    let of_gender = if roll(2) == 0 {
        &parts.male
    } else {
        &parts.female
    };
    let last = pick(of_gender, roll);
    if roll(100) < 22 {
        return join(surname, &[last]);
    }
    let first = if roll(100) < 60 {
        pick(&parts.neutral, roll)
    } else {
        pick(of_gender, roll)
    };
    join(surname, &[first, last])
}

fn join(surname: Part, given: &[Part]) -> Name {
    let shown = given.iter().map(|part| part.0).collect::<String>();
    let mail = given.iter().map(|part| part.1).collect::<String>();
    Name {
        shown: format!("{}{shown}", surname.0),
        mail: format!("{mail}.{}", surname.1),
    }
}

/// Own name · father's name; some are very long.
fn minority(roll: &mut impl FnMut(usize) -> usize) -> Name {
    let own = pick(&PARTS.minority_own, roll);
    let father = pick(&PARTS.minority_father, roll);
    Name {
        shown: format!("{}·{}", own.0, father.0),
        mail: format!("{}.{}", own.1, father.1),
    }
}

fn singapore(roll: &mut impl FnMut(usize) -> usize) -> Name {
    let (first_names, last_names) = SINGAPORE[roll(SINGAPORE.len())];
    let mut choose = |names: &'static str| {
        let names: Vec<_> = names.split(", ").collect();
        names[roll(names.len())]
    };
    let (first, last) = (choose(first_names), choose(last_names));
    let letters = |text: &str| {
        text.chars()
            .filter(char::is_ascii_alphabetic)
            .collect::<String>()
    };
    Name {
        shown: format!("{first} {last}"),
        mail: format!("{}.{}", letters(first), letters(last)).to_lowercase(),
    }
}

fn pick(parts: &[Part], roll: &mut impl FnMut(usize) -> usize) -> Part {
    parts[roll(parts.len())]
}

struct Parts {
    surnames: Vec<Part>,
    compound_surnames: Vec<Part>,
    neutral: Vec<Part>,
    male: Vec<Part>,
    female: Vec<Part>,
    minority_own: Vec<Part>,
    minority_father: Vec<Part>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| Parts {
    surnames: parse(SURNAMES),
    compound_surnames: parse(COMPOUND_SURNAMES),
    neutral: parse(NEUTRAL),
    male: parse(MALE),
    female: parse(FEMALE),
    minority_own: parse(MINORITY_OWN),
    minority_father: parse(MINORITY_FATHER),
});

/// Splits `王wang 李li` into characters and spelling.
fn parse(list: &'static str) -> Vec<Part> {
    let split = |word: &'static str| {
        word.split_at(
            word.find(|letter: char| letter.is_ascii())
                .unwrap_or(word.len()),
        )
    };
    list.split_ascii_whitespace().map(split).collect()
}

/// Most frequent first.
const SURNAMES: &str = "\
    王wang 李li 张zhang 刘liu 陈chen 杨yang 黄huang 赵zhao 吴wu 周zhou 徐xu 孙sun 马ma 朱zhu 胡hu \
    郭guo 何he 林lin 高gao 罗luo 郑zheng 梁liang 谢xie 宋song 唐tang 许xu 邓deng 韩han 冯feng 曹cao \
    彭peng 曾zeng 肖xiao 田tian 董dong 潘pan 袁yuan 蔡cai 蒋jiang 余yu 于yu 杜du 叶ye 程cheng 魏wei \
    苏su 吕lv 丁ding 任ren 卢lu 姚yao 沈shen 钟zhong 姜jiang 崔cui 谭tan 陆lu 范fan 汪wang 廖liao \
    石shi 金jin 韦wei 贾jia 夏xia 付fu 方fang 邹zou 熊xiong 白bai 孟meng 秦qin 邱qiu 侯hou 江jiang \
    尹yin 薛xue 闫yan 段duan 雷lei 龙long 黎li 史shi 陶tao 贺he 毛mao 郝hao 顾gu 龚gong 邵shao 万wan \
    覃qin 武wu 钱qian 戴dai 严yan 莫mo 孔kong";

const COMPOUND_SURNAMES: &str = "\
    欧阳ouyang 上官shangguan 司徒situ 诸葛zhuge 慕容murong 夏侯xiahou";

const NEUTRAL: &str = "\
    宇yu 欣xin 怡yi 然ran 晨chen 文wen 思si 嘉jia 玉yu 晓xiao 云yun 清qing 源yuan 泽ze 润run 宁ning \
    安an 瑞rui 新xin 远yuan 睿rui 涵han 梓zi 子zi 一yi 景jing 永yong 世shi 春chun 明ming 林lin 海hai \
    星xing 若ruo 亦yi 知zhi";

const MALE: &str = "\
    伟wei 磊lei 浩hao 轩xuan 志zhi 强qiang 建jian 国guo 华hua 亮liang 博bo 诚cheng 平ping 辉hui \
    鹏peng 飞fei 龙long 军jun 勇yong 杰jie 涛tao 超chao 俊jun 凯kai 峰feng 斌bin 毅yi 坤kun 康kang \
    祥xiang 福fu 生sheng 森sen 波bo 东dong 荣rong 贵gui 德de 义yi 正zheng 立li 成cheng 庆qing 航hang \
    翔xiang 哲zhe 翰han 皓hao 刚gang 松song";

const FEMALE: &str = "\
    敏min 静jing 婷ting 雪xue 梅mei 兰lan 秋qiu 雨yu 佳jia 琪qi 珍zhen 凤feng 英ying 丽li 红hong \
    芳fang 燕yan 霞xia 楠nan 月yue 晴qing 岚lan 琳lin 瑶yao 璐lu 珊shan 蕾lei 薇wei 倩qian 颖ying \
    慧hui 洁jie 娜na 莉li 萍ping 媛yuan 彤tong 悦yue 妍yan 诗shi";

const MINORITY_OWN: &str = "\
    阿依古丽ayiguli 古丽娜尔gulinaer 米热古丽mireguli 艾力aili 帕提古丽patiguli 努尔兰nuerlan \
    叶尔兰yeerlan 阿卜杜热合曼abudureheman 吐尔逊古丽tuerxunguli 巴哈提别克bahatibieke \
    迪丽努尔dilinuer 买买提江maimaitijiang";

const MINORITY_FATHER: &str = "\
    买买提maimaiti 吐尔逊tuerxun 艾买尔aimaier 阿卜杜克里木abudukelimu 努尔买买提nuermaimaiti \
    哈力克halike 赛里克sailike 托合提tuoheti 阿布都热依木abudureyimu 玉素甫yusufu";

/// First names and last names that go together.
const SINGAPORE: &[(&str, &str)] = &[
    (
        "Wei Ling, Jun Hao, Grace, Marcus, Shu Fen, Rachel, Zhi Xuan, Benjamin, Hui Min, Joanne",
        "Tan, Lim, Lee, Ng, Wong, Goh, Chua, Ong, Koh, Teo, Ho, Sim",
    ),
    (
        "Priya, Arun, Kavitha, Deepa, Rajesh, Suresh Kumar",
        "Ramasamy, Nair, Krishnan, Venkataraghavan, Pillai",
    ),
    (
        "Nurul Aisyah, Muhammad Faiz, Siti Nadiah, Hafiz, Nur Syafiqah",
        "Rahman, Ismail, Abdullah, Osman",
    ),
    (
        "Christopher Jonathan, Daniel, Melissa",
        "D'Souza, Pereira, de Cruz",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_name_is_fit_for_an_address() {
        let mut state = 17_usize;
        let mut roll = |sides| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        for region in [Region::China, Region::Singapore]
            .into_iter()
            .cycle()
            .take(10_000)
        {
            let name = invent(region, &mut roll);
            let fits = |letter: char| letter.is_ascii_lowercase() || letter == '.';
            assert!(name.mail.chars().all(fits), "{}", name.mail);
            assert!(
                !name.mail.starts_with('.') && !name.mail.ends_with('.'),
                "{}",
                name.mail
            );
            assert!(!name.shown.is_empty());
        }
    }
}
