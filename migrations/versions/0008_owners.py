"""Owners of studies, the people that studies are shared with, and whose jobs and answers there are.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-29
"""
from alembic import op
from alembic.util import CommandError
import sqlalchemy as sa


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

_INDICES = (('studies', 'owner_id'), ('jobs', 'owner_id'))


def upgrade():
    # no foreign keys: SQLite would copy the tables to add them
    op.add_column('studies', sa.Column('owner_id', sa.String(length=36), nullable=True))
    op.add_column('studies', sa.Column('visibility', sa.String(length=10), server_default='public', nullable=False))
    op.add_column('jobs', sa.Column('owner_id', sa.String(length=36), nullable=True))
    op.add_column('predictions', sa.Column('user_id', sa.String(length=36), nullable=True))
    op.create_table('study_people',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('email_key', sa.String(length=254), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_study_people_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_study_people')),
    sa.UniqueConstraint('study_id', 'email_key', name=op.f('uq_study_people_study_id_email_key'))
    )
    op.create_index(op.f('ix_study_people_email_key'), 'study_people', ['email_key'], unique=False)
    for table, column in _INDICES:
        op.create_index(op.f(f'ix_{table}_{column}'), table, [column], unique=False)


def downgrade():
    hidden = sa.text("SELECT count(*) FROM studies WHERE visibility <> 'public'")
    number = op.get_bind().execute(hidden).scalar()
    if number:
        # the release before this one answers for every study
        raise CommandError(f'{number} studies are not public, and would be; make them public or delete them first')
    for table, column in _INDICES:
        op.drop_index(op.f(f'ix_{table}_{column}'), table_name=table)
    op.drop_table('study_people')
    op.drop_column('predictions', 'user_id')
    op.drop_column('jobs', 'owner_id')
    op.drop_column('studies', 'visibility')
    op.drop_column('studies', 'owner_id')
