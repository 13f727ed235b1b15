"""The tables of a study. `migrations/` creates them; a test compares the two."""

import uuid

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_uuid() -> str:
    """Return a random UUID as text."""
    return str(uuid.uuid4())


class Base(DeclarativeBase):
    """Common base: constraint names follow one convention, so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {str: Text()}


class StudyInfo(Base):
    """The one row that says what the file is.

    `grouped_up_to`: the last tweet when near-duplicates were looked for, 0 where that is not complete.
    """

    __tablename__ = "study"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(Uuid(as_uuid=False), default=new_uuid)
    name: Mapped[str]
    created: Mapped[str]
    program_version: Mapped[str]
    grouped_up_to: Mapped[int] = mapped_column(default=0, server_default="0")


class CodebookVersion(Base):
    """One version of the codebook. A label event names the version that it was given under.

    `touched`: the leaves whose earlier labels want a second look under this version.
    """

    __tablename__ = "codebook_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[str]
    toml: Mapped[str]
    sha256: Mapped[str]
    touched: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")


class Import(Base):
    """One file that was read in. `status` is running, complete, stopped; running after a crash."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str]
    sha256: Mapped[str]
    started: Mapped[str]
    ended: Mapped[str | None]
    status: Mapped[str]
    accepted: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    labels: Mapped[int] = mapped_column(default=0)
    report: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class Tweet(Base):
    """A tweet as it came.

    `labelled`, `agreed_leaf` and `gold_leaf` are derived from `current_labels` and `adjudications` by the
    transaction that writes those. `gold_leaf` is what was adjudicated. `agreed_leaf` is the label that stands:
    the gold label, else the leaf that all coders agree on; NULL where there is none or they differ.
    `locked` is derived from `locks`, `sealed` from the test rows and `group_id` (`db.sealing.seal`). All stand
    here and not in a view because pages of a million tweets are filtered by them, in file order, from an index.
    `shuffle` is a hash of the tweet id: the random but stable order of labelling. `group_id` is the first tweet
    of a group of near-duplicates, NULL for a tweet that stands alone.
    """

    __tablename__ = "tweets"
    __table_args__ = (
        Index("ix_tweets_lang_id_labelled", "lang", "id", "labelled"),
        Index("ix_tweets_labelled_shuffle", "labelled", "shuffle"),
        Index("ix_tweets_lang_labelled_shuffle", "lang", "labelled", "shuffle"),
        Index("ix_tweets_labelled", "labelled"),
        Index("ix_tweets_agreed_leaf", "agreed_leaf"),
        Index("ix_tweets_gold_leaf", "gold_leaf"),
        Index("ix_tweets_group_id", "group_id"),
        Index("ix_tweets_sealed", "sealed"),
        Index(
            "ix_tweets_disputed",
            "labelled",
            "agreed_leaf",
            sqlite_where=text("labelled IS 1 AND agreed_leaf IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tweet_id: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    lang: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[str]
    extra: Mapped[dict[str, str]] = mapped_column(JSON(none_as_null=True))
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    source_row: Mapped[int]
    text_hash: Mapped[bytes] = mapped_column(LargeBinary)
    shuffle: Mapped[int] = mapped_column(BigInteger)
    labelled: Mapped[bool] = mapped_column(default=False)
    agreed_leaf: Mapped[str | None]
    gold_leaf: Mapped[str | None]
    group_id: Mapped[int | None]
    locked: Mapped[bool] = mapped_column(default=False, server_default="0")
    sealed: Mapped[bool] = mapped_column(default=False, server_default="0")


class Coder(Base):
    """Who gives labels: a person, or the column of a file. `languages`: what the coder reads, none: all.

    `named` and `languages_said` are when the name was corrected and the languages were said, "" for never: where
    copies of a study come together, what was said last counts.
    """

    __tablename__ = "coders"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    name: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    named: Mapped[str] = mapped_column(default="", server_default=text("''"))
    languages_said: Mapped[str] = mapped_column(default="", server_default=text("''"))


class Merge(Base):
    """Another copy of the study that was taken in. `report` has what came and what was the same already."""

    __tablename__ = "merges"

    id: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str]
    merged: Mapped[str]
    report: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class LabelEvent(Base):
    """What a coder did to the label of a tweet. Rows are only ever added: triggers refuse anything else.

    `leaf` is the coder's label on the tweet after the event, NULL for none (`kind` "clear"). An undo is an
    event whose `undoes` names the event that it takes back; a redo is an event whose `undoes` names the undo.
    `seq` is the order in this file; `id` is what copies of a study merge by. Labels taken in with a file name
    their import, those taken in with a copy their merge.

    `parents` are the coder's events on the same tweet that this one was given in knowledge of and that no
    other follows: one as a rule, none for the first, several after a merge. An event that is nobody's parent
    is a head; two heads of one coder with different leaves are labels given apart that contradict each other.
    What an undo stands for is told by `db.labels.standing`.

    `source` is what brought the tweet to the coder (a queue's name, "bulk", "group"), `act` what was done in
    one stroke and is undone in one. A `repeat` is a hidden second label for the coder's own consistency: it
    never becomes the current label. `marks`: uncertain, quoting, sarcasm, unclear_target. `flag` repeats
    "uncertain", for the schema before marks; nothing reads it.
    """

    __tablename__ = "label_events"
    __table_args__ = (
        CheckConstraint("kind IN ('label', 'clear')", name="kind"),
        CheckConstraint("(kind = 'clear') = (leaf IS NULL)", name="leaf_fits_kind"),
        Index("ix_label_events_tweet_id_coder_id", "tweet_id", "coder_id"),
        Index("ix_label_events_coder_id_import_id", "coder_id", "import_id"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), unique=True, default=new_uuid)
    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"))
    codebook_version_id: Mapped[int] = mapped_column(ForeignKey("codebook_versions.id"))
    kind: Mapped[str]
    leaf: Mapped[str | None]
    given: Mapped[str]
    seconds: Mapped[float | None]
    suggestion_shown: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    flag: Mapped[bool] = mapped_column(default=False)
    undoes: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    merge_id: Mapped[int | None] = mapped_column(ForeignKey("merges.id"))
    parents: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    act: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    source: Mapped[str] = mapped_column(default="", server_default=text("''"))
    repeat: Mapped[bool] = mapped_column(default=False, server_default="0")
    marks: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")


class CurrentLabel(Base):
    """Each coder's present label on a tweet: derived from `label_events` in the same transaction.

    `contested`: the coder labelled the tweet in two copies apart, differently; the tweet counts as disputed.
    """

    __tablename__ = "current_labels"
    __table_args__ = (
        Index("ix_current_labels_coder_id_leaf", "coder_id", "leaf"),
        {"sqlite_with_rowid": False},
    )

    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)
    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"), primary_key=True)
    leaf: Mapped[str]
    seq: Mapped[int] = mapped_column(ForeignKey("label_events.seq"))
    contested: Mapped[bool] = mapped_column(default=False, server_default="0")


class Draft(Base):
    """What a coder typed and marked beside a tweet and no label has saved: no event, and nobody else's business.

    It goes when a label takes it over. `repeat`: it belongs to a hidden second label. Copies do not merge drafts.
    """

    __tablename__ = "drafts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"), primary_key=True)
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)
    repeat: Mapped[bool] = mapped_column(primary_key=True)
    note: Mapped[str]
    marks: Mapped[list[str]] = mapped_column(JSON)


class Adjudication(Base):
    """A decision on the gold label of a tweet. Rows are only ever added, as with label events.

    `leaf` is the gold label after it, NULL where it was taken back. `coder_id` is who decided.
    """

    __tablename__ = "adjudications"
    __table_args__ = (
        Index("ix_adjudications_tweet_id", "tweet_id"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), unique=True, default=new_uuid)
    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"))
    codebook_version_id: Mapped[int] = mapped_column(ForeignKey("codebook_versions.id"))
    leaf: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    given: Mapped[str]
    undoes: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    act: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    merge_id: Mapped[int | None] = mapped_column(ForeignKey("merges.id"))


class Assignment(Base):
    """Who codes what, drawn with a seed. `spec`: languages, coders, how many, the share coded twice.

    `removed` tells when it was taken back: kept, so that it does not come again with a copy of the study.
    """

    __tablename__ = "assignments"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    name: Mapped[str]
    created: Mapped[str]
    seed: Mapped[int]
    spec: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    removed: Mapped[str | None]


class AssignedTweet(Base):
    """One tweet for one coder; `place` is the order of the coder's work."""

    __tablename__ = "assigned_tweets"
    __table_args__ = (
        Index("ix_assigned_tweets_coder_id_place", "coder_id", "place"),
        Index("ix_assigned_tweets_tweet_id", "tweet_id"),
        {"sqlite_with_rowid": False},
    )

    assignment_id: Mapped[str] = mapped_column(
        ForeignKey("assignments.id", ondelete="CASCADE"), primary_key=True
    )
    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"), primary_key=True)
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)
    place: Mapped[int]


class Lock(Base):
    """A finished batch whose labels no longer change; `released` tells when it was opened again."""

    __tablename__ = "locks"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    name: Mapped[str]
    coder_id: Mapped[str] = mapped_column(ForeignKey("coders.id"))
    created: Mapped[str]
    released: Mapped[str | None]


class LockedTweet(Base):
    """A tweet of a finished batch."""

    __tablename__ = "locked_tweets"
    __table_args__ = (
        Index("ix_locked_tweets_tweet_id", "tweet_id"),
        {"sqlite_with_rowid": False},
    )

    lock_id: Mapped[str] = mapped_column(ForeignKey("locks.id", ondelete="CASCADE"), primary_key=True)
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)


class ScoreLook(Base):
    """A look at a model's score on the sealed test set: each one makes the next less of a surprise.

    `scores` has the scores over all languages and, as `compared`, a hash of the rows, labels and predictions that
    they come from: an equal one is the same score.
    """

    __tablename__ = "score_looks"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    looked: Mapped[str]
    model: Mapped[str]
    model_sha256: Mapped[str]
    rows: Mapped[int]
    scores: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class Split(Base):
    """A division of labelled tweets into train and validation rows, or test rows that were drawn or came with files.

    `spec` of a drawing: per_language, languages drawn from with their numbers, copies, labelled_before.
    """

    __tablename__ = "splits"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    name: Mapped[str]
    created: Mapped[str]
    seed: Mapped[int | None]
    spec: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class SplitTweet(Base):
    """The part of a split that a tweet is in."""

    __tablename__ = "split_tweets"
    __table_args__ = (
        CheckConstraint("part IN ('train', 'validation', 'test')", name="part"),
        Index("ix_split_tweets_tweet_id", "tweet_id"),
        {"sqlite_with_rowid": False},
    )

    split_id: Mapped[str] = mapped_column(ForeignKey("splits.id", ondelete="CASCADE"), primary_key=True)
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)
    part: Mapped[str]


class TrainingRun(Base):
    """A training run; its folder holds the truth about it."""

    __tablename__ = "training_runs"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_uuid)
    name: Mapped[str]
    folder: Mapped[str]
    base: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[str]
    created: Mapped[str]
    split_id: Mapped[str | None] = mapped_column(ForeignKey("splits.id"))
    spec: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    metrics: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class Model(Base):
    """A model whose predictions are, or will be, here. `leaves` is the order of their probabilities."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    sha256: Mapped[str]
    created: Mapped[str]
    leaves: Mapped[list[str]] = mapped_column(JSON)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("training_runs.id"))
    card: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class Evaluation(Base):
    """The last scores of a model in this study.

    `label_seq` and `gold_seq` are the last label event and adjudication that they compare with: where there are
    later ones, the scores are of the past.
    """

    __tablename__ = "evaluations"

    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    evaluated: Mapped[str]
    label_seq: Mapped[int]
    gold_seq: Mapped[int]
    report: Mapped[dict[str, object]] = mapped_column(JSON)


class Prediction(Base):
    """What a model says about a tweet.

    `probabilities`: little-endian float32, one a leaf, in the order of the model's `leaves`. `settled`: not the
    model said it, but the light model of a cascade in front of it, and the probabilities are the light model's.
    """

    __tablename__ = "predictions"
    __table_args__ = (
        CheckConstraint("status IN ('predicted', 'failed')", name="status"),
        CheckConstraint(
            "(status = 'predicted') = "
            "(leaf IS NOT NULL AND confidence IS NOT NULL AND probabilities IS NOT NULL)",
            name="complete",
        ),
        Index("ix_predictions_model_id_status_tweet_id", "model_id", "status", "tweet_id"),
        Index("ix_predictions_model_id_leaf_tweet_id", "model_id", "leaf", "tweet_id"),
        Index("ix_predictions_model_id_confidence", "model_id", "confidence"),
        Index("ix_predictions_settled", "model_id", "tweet_id", sqlite_where=text("settled IS 1")),
        {"sqlite_with_rowid": False},
    )

    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweets.id"), primary_key=True)
    leaf: Mapped[str | None]
    confidence: Mapped[float | None]
    probabilities: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    created: Mapped[str]
    settled: Mapped[bool] = mapped_column(default=False, server_default="0")


class Cascade(Base):
    """A classification in which a light model settles what is surely unrelated, kept so that it goes on as it began.

    `stage`: learn, calibrate, settle, classify, done; declined where all tweets were classified in full. `facts` has
    the bound and what was found so far, `arrays` (NumPy's npz) the tweets of the job, those that were drawn and the
    light model.
    """

    __tablename__ = "cascades"
    __table_args__ = (
        CheckConstraint(
            "stage IN ('learn', 'calibrate', 'settle', 'classify', 'done', 'declined')", name="stage"
        ),
        Index("ix_cascades_model_id", "model_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    created: Mapped[str]
    stage: Mapped[str]
    facts: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    arrays: Mapped[bytes] = mapped_column(LargeBinary)
