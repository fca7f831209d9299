"""Idempotency keys of the creation of studies.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-28
"""
from alembic import op
import sqlalchemy as sa


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade():
    # not in a batch: SQLite would drop the table and with it, by the foreign key, the files of all studies
    op.add_column('study_recipes', sa.Column('idempotency_key', sa.String(length=150), nullable=True))
    op.add_column('study_recipes', sa.Column('creation', sa.JSON(), nullable=True))
    op.create_index(op.f('ix_study_recipes_idempotency_key'), 'study_recipes', ['idempotency_key'], unique=True)


def downgrade():
    op.drop_index(op.f('ix_study_recipes_idempotency_key'), table_name='study_recipes')
    op.drop_column('study_recipes', 'creation')
    op.drop_column('study_recipes', 'idempotency_key')
