"""The audit trail, and counts of requests.

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-29
"""
from alembic import op
import sqlalchemy as sa


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

# A line can be deleted once a row of audit_deletions says so; that row can be neither changed nor deleted, and no moment
# of the last 30 days is accepted. INSERT OR REPLACE of SQLite deletes without a trigger, so an id is used once.
_SQLITE = (
    """CREATE TRIGGER audit_lines_update BEFORE UPDATE ON audit_lines
    BEGIN SELECT RAISE(ABORT, 'lines of the audit trail cannot be changed'); END""",
    """CREATE TRIGGER audit_lines_delete BEFORE DELETE ON audit_lines
    WHEN NOT EXISTS (SELECT 1 FROM audit_deletions WHERE before > OLD.at)
    BEGIN SELECT RAISE(ABORT, 'lines of the audit trail are deleted by: audit prune'); END""",
    """CREATE TRIGGER audit_lines_insert BEFORE INSERT ON audit_lines
    WHEN EXISTS (SELECT 1 FROM audit_lines WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'lines of the audit trail cannot be replaced'); END""",
    """CREATE TRIGGER audit_deletions_update BEFORE UPDATE ON audit_deletions
    BEGIN SELECT RAISE(ABORT, 'deletions of the audit trail cannot be changed'); END""",
    """CREATE TRIGGER audit_deletions_delete BEFORE DELETE ON audit_deletions
    BEGIN SELECT RAISE(ABORT, 'deletions of the audit trail cannot be deleted'); END""",
    """CREATE TRIGGER audit_deletions_insert BEFORE INSERT ON audit_deletions
    WHEN NEW.before > datetime('now', '-30 days') OR EXISTS (SELECT 1 FROM audit_deletions WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'lines of the last 30 days cannot be deleted'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'rows of % cannot be changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$""",
    """CREATE FUNCTION audit_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM audit_deletions WHERE before > OLD.at) THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'lines of the audit trail are deleted by: audit prune' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE FUNCTION audit_deletion_of_old() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.before <= clock_timestamp() - interval '30 days' THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'lines of the last 30 days cannot be deleted' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE TRIGGER audit_lines_update BEFORE UPDATE ON audit_lines
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_lines_delete BEFORE DELETE ON audit_lines
    FOR EACH ROW EXECUTE FUNCTION audit_delete()""",
    """CREATE TRIGGER audit_lines_truncate BEFORE TRUNCATE ON audit_lines
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_deletions_change BEFORE UPDATE OR DELETE ON audit_deletions
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_deletions_truncate BEFORE TRUNCATE ON audit_deletions
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_deletions_insert BEFORE INSERT ON audit_deletions
    FOR EACH ROW EXECUTE FUNCTION audit_deletion_of_old()""",
)


def upgrade():
    op.create_table('audit_lines',
    sa.Column('id', _NUMBER, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('person_id', sa.String(length=36), nullable=True),
    sa.Column('source', sa.String(length=10), nullable=False),
    sa.Column('client', sa.String(length=50), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('action', sa.String(length=80), nullable=False),
    sa.Column('object_kind', sa.String(length=20), nullable=False),
    sa.Column('object_id', sa.String(length=300), nullable=False),
    sa.Column('result', sa.String(length=10), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('detail', sa.String(length=200), nullable=False),
    sa.CheckConstraint("result IN ('done', 'refused')", name=op.f('ck_audit_lines_result')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_lines'))
    )
    op.create_index(op.f('ix_audit_lines_at'), 'audit_lines', ['at'])
    op.create_index('ix_audit_lines_person_id_id', 'audit_lines', ['person_id', 'id'])
    op.create_index('ix_audit_lines_object_id_id', 'audit_lines', ['object_id', 'id'])
    op.create_table('audit_deletions',
    sa.Column('id', _NUMBER, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_deletions'))
    )
    op.create_table('request_counts',
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('endpoint', sa.String(length=80), nullable=False),
    sa.Column('status_class', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('study', sa.String(length=150), nullable=False),
    sa.Column('bucket', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'endpoint', 'status_class', 'study', 'bucket', name=op.f('pk_request_counts'))
    )
    op.create_table('answer_counts',
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('study', sa.String(length=150), nullable=False),
    sa.Column('novelty', sa.String(length=20), nullable=False),
    sa.Column('cached', sa.Boolean(), nullable=False),
    sa.Column('answers', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'study', 'novelty', 'cached', name=op.f('pk_answer_counts'))
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == 'postgresql' else _SQLITE:
        op.execute(statement)


def downgrade():
    for table in ('answer_counts', 'request_counts', 'audit_lines', 'audit_deletions'):
        op.drop_table(table)
    if op.get_bind().dialect.name == 'postgresql':
        for function in ('audit_refuse', 'audit_delete', 'audit_deletion_of_old'):
            op.execute(f'DROP FUNCTION {function}()')
