"""Sensitive species, and who sees exact places all the same.

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-29
"""
from alembic import op
from alembic.util import CommandError
import sqlalchemy as sa


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('study_people', sa.Column('exact_places', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table('sensitive_species',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_key', sa.String(length=200), nullable=False),
    sa.Column('grid_km', sa.Integer(), nullable=False),
    sa.Column('marked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_sensitive_species_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sensitive_species')),
    sa.UniqueConstraint('study_id', 'name_key', name=op.f('uq_sensitive_species_study_id_name_key'))
    )


def downgrade():
    number = op.get_bind().execute(sa.text('SELECT count(*) FROM sensitive_species')).scalar()
    if number:
        # the release before this one shows every place as it is
        raise CommandError(f'{number} species are sensitive, and their places would be shown; mark them as not sensitive first')
    op.drop_table('sensitive_species')
    op.drop_column('study_people', 'exact_places')
