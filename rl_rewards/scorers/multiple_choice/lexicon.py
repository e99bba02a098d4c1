"""The words by which a sentence affirms, denies, weighs or joins options: English, and the commonest of a few other languages."""

from __future__ import annotations

__all__ = [
    "ADDRESSED",
    "ADVERBS",
    "AFTER_A_LETTER",
    "ANSWER",
    "ARTICLES",
    "BE",
    "CHOOSE",
    "CONCLUSIONS",
    "CONDITIONS",
    "CORRECTING",
    "CORRECTIONS",
    "DECORATION",
    "FILLERS",
    "HEDGES",
    "HEDGING",
    "JOINERS",
    "JOINING",
    "LEADING",
    "NEGATIONS",
    "NOUNS",
    "OPENING",
    "OTHERS",
    "PAST",
    "POSSIBLE",
    "REPORTING",
    "SEPARATORS",
    "SUPERLATIVE",
    "TRANSPARENT",
    "VERDICTS",
    "WRONG",
    "WRONG_BEHIND",
]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


BE = _set("is are be was were it's that's 's equals seems looks appears remains becomes ist es est è é sein être 是 为 就是")
PAST = _set("was were thought")
ANSWER = _set("answer antwort lösung respuesta réponse risposta resposta ответ 答案 答案是 故选 选 应选 solution boxed")
NOUNS = ANSWER | _set("option choice letter response pick selection conclusion 选择 选项 選項")
CHOOSE = _set("choose chose pick picked picking choosing select selected selecting go going opt")
RIGHT = _set("correct right true best valid richtig correcto correcta correct正确 正确 对")
WRONG = _set(
    "wrong incorrect false impossible invalid unlikely excluded eliminated out rejected mistake erroneous falsch falso incorrecto faux fails fail 错 错误 不对 不正确 是错的"
)
WRONG_BEHIND = WRONG | _set("mistaken misleading trap distractor")  # "unless I am mistaken, A" is another thing
VERDICTS = RIGHT | WRONG
NEGATIONS = _set(
    "not no never neither nor none nothing without except apart avoid avoided avoids avoiding excluding exclude excludes eliminate eliminates eliminated eliminating discard reject rule rules "
    "ruled ruling doubt unlike than instead cannot nowhere hardly refuse refuses decline nicht kein keine pas non ne 不是 不 并非 非 不选 答案不是 而不是 не нет não nao"
)
SEPARATORS = _set(
    "but so because since while whereas although though therefore thus hence as leaves leaving then yet however instead sondern sino mais pero 而是 所以 因此 因为"
)
JOINERS = _set(", / & + and or nor 、 ， oder und y o et ou e 和 或")
JOINING = JOINERS | _set("as well plus together with through thru to : . =")
TRANSPARENT = _set(
    "either both the option options choice choices letter letters answer maybe perhaps possibly probably also even either just simply definitely clearly "
    "then likely actually here either: ( ) [ ] { } * _ $ \" ' “ ” ` < > ) # |"
)
HEDGES = _set("otherwise else maybe perhaps possibly alternatively or could might also")
HEDGING = HEDGES | TRANSPARENT | _set("but be it")
CONCLUSIONS = _set("so therefore thus hence consequently finally leaves leaving conclusion so, ergo ∴ 所以 因此")
CONDITIONS = _set("if suppose assume assuming unless whether supposing were wenn falls si 如果")
# Whose opinion it is, where it is not the response's own, and the verbs that report it.
OTHERS = _set(
    "some many most people students student others everyone everybody someone somebody anyone one you they he she beginners humans colleagues manche viele"
)
SUPERLATIVE = _set(
    "likely probable plausible appropriate suitable accurate reasonable common correct consistent relevant fitting logical important effective"
)
ADDRESSED = _set("you one anyone")  # "you should pick A" is advice, "one might think A" is not
POSSIBLE = _set("might could")
REPORTING = _set(
    "say says said think thinks thought believe believes believed claim claims claimed argue argues argued guess guesses guessed assume assumes answer answers answered "
    "pick picks choose chooses select selects prefer prefers expect expects suggest suggests would might could may sagen meinen"
)
CORRECTIONS = _set("no nope wait actually sorry correction rather scratch oops hmm kidding")
CORRECTING = CORRECTIONS | _set(
    "just on second thought i mean make hold it is it's should be that - – — , . ( ) : ** *"
)  # "I mean C", "no wait, it is C"
AFTER_A_LETTER = (
    BE
    | SEPARATORS
    | JOINERS
    | CONDITIONS
    | _set(
        "isn't doesn't can't can could may might must should will would cannot does do did has have had not rather over than which that who by for from in on at"
    )
    | _set(
        "with to of due based alone too fits matches works fails makes gives says states beats contradicts wins through thru plus together well only when won't wouldn't shouldn't couldn't aren't don't"
    )
)
ARTICLES = _set("the a an option")
ADVERBS = _set("maybe perhaps possibly probably simply definitely clearly certainly surely obviously")
LEADING = BE | CONCLUSIONS | NOUNS | ANSWER | CHOOSE | JOINERS | _set(": ： = ) not neither either with for nor but than say")
DECORATION = frozenset("()[]{}*_$\"'“”`<>#|（）【】「」~")
OPENING = frozenset('([{*$"“`（【')
FILLERS = _set("that this it i am which")
